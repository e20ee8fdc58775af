import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, expectProblem } from '../support/call.ts';

describe('the indices of a scatter update', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
    await call(app, 'POST', '/v1/variables', { id: 'v', value: [1, 2, 3] });
  });
  afterAll(() => app.close());

  it.each([
    [5, '', /5 is not a list of places/],
    [[[0], 1], '/1', /1 is not a place/],
    [[[0], Array(9).fill(0)], '/1', /is not a place/],
    [[[0], ['0']], '/1/0', /"0" is not a place/],
    [[[0.5]], '/0/0', /0.5 is not a place/],
    [[[-1]], '/0/0', /-1 is not a place/],
    [[[0], [null]], '/1/0', /null is not a place/],
  ])('are refused at the first that is none: %j', async (indices, place, message) => {
    const reply = await call(app, 'POST', '/v1/variables/v/scatter_update', { indices, updates: [1] });
    const { errors } = expectProblem(reply, 'invalid-request', message);
    expect(errors?.[0].pointer).toBe(`/indices${place}`);
  });

  it('are taken by the ten thousand', async () => {
    const indices = Array.from({ length: 10_000 }, (_, k) => [k % 3]);
    const updates = Array.from({ length: 10_000 }, (_, k) => k);
    const reply = await call(app, 'POST', '/v1/variables/v/scatter_update', { indices, updates });
    expect(reply.body.value).toEqual([9999, 9997, 9998]);
  });
});
