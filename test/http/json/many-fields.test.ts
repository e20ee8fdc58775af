import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../../support/app.ts';
import { call, expectProblem } from '../../support/call.ts';

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

  it('is not looked at behind the 20th wrong id of a list', async () => {
    const cells = Array(60_000).fill('x');
    cells[3] = 7;
    const reply = await call(app, 'POST', '/v1/checkpoints', { cells });
    const problem = expectProblem(reply, 'invalid-request', /'x' is named twice/);
    expect(problem.errors).toHaveLength(20);
    expect(JSON.stringify(problem.errors)).toContain('7 is not the id of a cell');
    const long = JSON.stringify({ cells: Array(100_001).fill(1) });
    expectProblem(await call(app, 'POST', '/v1/checkpoints', long), 'invalid-request', /at most 100000 ids/);
  });

  it.each([
    ['in one list', Array(5_000).fill(null)],
    ['in lists of lists', Array(10).fill([[[1]], ...Array(1_000).fill(null)])],
  ])('is refused with thousands of states %s', async (_, states) => {
    const reply = await call(app, 'PUT', '/v1/sessions/s/states', { states });
    expectProblem(reply, 'invalid-request', /more than 4096 states/);
  });

  it('may have a state of as many rows and numbers as there may be', async () => {
    for (const states of [Array(10_000).fill([true]), Array(10_000).fill(false)]) {
      expectProblem(await call(app, 'PUT', '/v1/sessions/s/states', { states }), 'not-found');
    }
  });
});
