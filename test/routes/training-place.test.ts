import { expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';

const SGD = { class_name: 'SGD', config: { learning_rate: 0.01 } };
const wave = (...shape: number[]) => ({
  shape,
  data: Array.from(
    { length: shape.reduce((product, extent) => product * extent) },
    (_, k) => Math.round(Math.sin(k) * 1e4) / 1e4,
  ),
});
const trainings = async (app: TestApp, place: string) => {
  const { text } = await call(app, 'GET', '/metrics');
  const [, count = 0] = new RegExp(`_seconds_count\\{kind="training",place="${place}"[^}]*\\} (\\d+)`).exec(text) ?? [];
  return Number(count);
};

it('trains on a thread what is large, to the same bits as without threads', async () => {
  const cell = {
    id: 'c',
    class_name: 'GRU',
    config: { units: 128, return_sequences: true },
    input_shape: [null, null, 8],
  };
  const batch = { inputs: wave(16, 100, 8), targets: wave(16, 100, 128), loss: 'mse', optimizer: SGD, repeat: 2 };
  const results = [];
  for (const [threads, place] of [
    [1, 'thread'],
    [0, 'loop'],
  ] as const) {
    const app = await startApp({ threads });
    await make(app, '/v1/cells', cell);
    const { status, body, text } = await call(app, 'POST', '/v1/cells/c/training_steps', batch);
    expect(status, text).toBe(200);
    expect(await trainings(app, place)).toBe(2);
    results.push([body.losses, (await call(app, 'GET', '/v1/cells/c/weights')).body.weights]);
    await app.close();
  }
  expect(results[0]).toEqual(results[1]);
});

it('changes nothing where the client hangs up while the lines come', async () => {
  const app = await startApp();
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  await make(app, '/v1/cells', { id: 'c', class_name: 'GRUCell', config: { units: 2 }, input_shape: [null, 1] });
  const batch = { inputs: wave(1, 2, 1), targets: wave(1, 2, 2), loss: 'mse', optimizer: SGD };
  const gone = new AbortController();
  const { body, status } = await fetch(`${url}/v1/cells/c/training_steps`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/jsonl' },
    body: JSON.stringify({ ...batch, repeat: 10_000 }),
    signal: gone.signal,
  });
  expect(status).toBe(200);
  await body!.getReader().read();
  gone.abort();
  // This one waits for the one before it: had that gone on, its iteration would be 10001.
  const next = await call(app, 'POST', '/v1/cells/c/training_steps', batch);
  expect(next.body).toMatchObject({ iteration: 1, cell_version: 2 });
  const steps = await trainings(app, 'loop');
  expect(steps).toBeGreaterThan(1);
  expect(steps).toBeLessThan(10_000);
  await app.close();
});
