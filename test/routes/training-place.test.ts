import { type AddressInfo, connect } from 'node:net';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { openMemoryStore } from '../../src/store/memory.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';
import { eventually } from '../support/until.ts';

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

it('logs no fault where the client hangs up before the first line', async () => {
  const store = openMemoryStore();
  const lines: { readonly level: number; readonly audit?: { readonly outcome: string } }[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const app = await startApp({ store, logger });
  await app.listen({ host: '127.0.0.1', port: 0 });
  await make(app, '/v1/cells', { id: 'c', class_name: 'GRUCell', config: { units: 2 }, input_shape: [null, 1] });
  const gone = Promise.withResolvers<void>();
  app.server.on('connection', (socket) => socket.once('close', gone.resolve));
  const { commit, get } = store;
  const hangUp = async () => {
    client.destroy();
    await gone.promise;
  };
  store.get = (key) => hangUp().then(() => get(key));
  store.commit = (writes) => hangUp().then(() => commit(writes));
  const body = JSON.stringify({
    inputs: wave(1, 2, 1),
    targets: wave(1, 2, 2),
    loss: 'mse',
    optimizer: SGD,
    repeat: 9,
  });
  const head = 'Host: localhost\r\nAccept: application/jsonl\r\nContent-Type: application/json\r\n';
  const { port } = app.server.address() as AddressInfo;
  const client = connect(port, '127.0.0.1', () =>
    client.write(`POST /v1/cells/c/training_steps HTTP/1.1\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`),
  );
  await eventually(() => expect(lines.map(({ audit }) => audit?.outcome)).toContain('refused 499'));
  expect(lines.filter(({ level }) => level >= 50)).toEqual([]);
  await app.close();
});
