import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, expectProblem } from '../support/call.ts';

/** An object of so many fields. */
function fields(count: number, value: string): string {
  return `{${Array.from({ length: count }, (_, k) => `"k${k}":${value}`).join(',')}}`;
}

describe('a body of many fields', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.close());

  it.each([
    ['of a config', `{"class_name":"LSTMCell","config":${fields(17_000, '1')}}`],
    ['that are unknown', fields(17_000, '1')],
    ['that are tensors', `{"class_name":"LSTMCell","config":{"units":1},"weights":${fields(17_000, '[1]')}}`],
  ])('is refused before its fields %s are looked at', async (_, body) => {
    const reply = await call(app, 'POST', '/v1/cells', body);
    expectProblem(reply, 'limit-exceeded', /more than 16384 fields/);
  });

  it('is answered with the first 20 that are wrong, and the number of the others', async () => {
    const unknown = await call(
      app,
      'POST',
      '/v1/cells',
      `{"class_name":"LSTMCell","config":{},${fields(100, '1').slice(1)}`,
    );
    expect(expectProblem(unknown, 'invalid-request', / 80 more places are wrong/).errors).toHaveLength(20);
    const weights = { class_name: 'LSTMCell', config: { units: 1 }, input_shape: [null, 1] };
    const body = JSON.stringify(weights).replace(/}$/, `,"weights":${fields(100, '[1]')}}`);
    const reply = await call(app, 'POST', '/v1/cells', body);
    // Three are missing and a hundred are unknown.
    expect(expectProblem(reply, 'wrong-shape', / 83 more places are wrong/).errors).toHaveLength(20);
  });
});
