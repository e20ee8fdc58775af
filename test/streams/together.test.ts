import { afterEach, expect, it, vi } from 'vitest';
import { Tensor } from '../../src/domain/tensor.ts';
import { writeSafetensors } from '../../src/files/safetensors/safetensors.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { startApp, type TestApp, TestClock } from '../support/app.ts';
import { call, make } from '../support/call.ts';

const CELLS = [
  { id: 'lstm', class_name: 'LSTMCell', config: { units: 7 }, input_shape: [null, 3] },
  { id: 'gru', class_name: 'GRUCell', config: { units: 5, reset_after: false }, input_shape: [null, 3] },
  { id: 'double', class_name: 'LSTMCell', config: { units: 3, dtype: 'float64' }, input_shape: [null, 3] },
  { id: 'half', class_name: 'GRUCell', config: { units: 3, dtype: 'float16' }, input_shape: [null, 3] },
  { id: 'unbuilt', class_name: 'SimpleRNNCell', config: { units: 4 } },
  { id: 'stacked', framework: 'pytorch', class_name: 'LSTM', config: { input_size: 3, hidden_size: 4, num_layers: 2 } },
];
const ROWS = [1, 1, 3];

const apps: TestApp[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

/** A service with three sessions of each cell, and some that are unusual. */
async function start(clock = new TestClock()): Promise<TestApp> {
  const app = await startApp({ clock });
  apps.push(app);
  for (const cell of CELLS) {
    await make(app, '/v1/cells', cell);
    for (const [k, batch_size] of ROWS.entries()) {
      await make(app, '/v1/sessions', { id: `${cell.id}${k}`, cell: cell.id, batch_size });
    }
  }
  await make(app, '/v1/sessions', { id: 'kept', cell: 'lstm', history: 2 });
  await make(app, '/v1/sessions', { id: 'pinned', cell: 'lstm', pin_cell_version: true });
  await make(app, '/v1/sessions', { id: 'masked', cell: 'lstm' });
  await make(app, '/v1/sessions', { id: 'expired', cell: 'lstm', ttl_seconds: 1 });
  await call(app, 'POST', '/v1/sessions/masked/steps', { inputs: [[1, 2, 3]], mask: [1] });
  await call(app, 'PUT', '/v1/cells/lstm/variables/bias', { value: Array.from({ length: 28 }, (_, i) => i / 9) });
  clock.now += 2_000;
  return app;
}

const rows = (count: number, seed: number) =>
  Array.from({ length: count }, (_, i) => [0, 1, 2].map((j) => Math.fround(Math.sin(seed * 7.3 + i * 3 + j))));

/** Several steps of every session, those of one session apart from each other, and refused ones between them. */
function mixed(): Record<string, unknown>[] {
  const steps: Record<string, unknown>[] = [];
  for (let round = 0; round < 3; round++) {
    for (const [n, { id }] of CELLS.entries()) {
      for (const [k, count] of ROWS.entries()) {
        const key = k === 1 && round < 2 ? { key: 'again' } : {};
        const seed = k === 1 && round < 2 ? n : n + 10 * round + k;
        steps.push({ session: `${id}${k}`, inputs: rows(count, seed), return_states: round === 1 && k === 0, ...key });
      }
    }
    for (const session of ['kept', 'pinned', 'masked']) steps.push({ session, inputs: rows(1, round) });
    steps.push(
      { session: 'expired', inputs: rows(1, 1) },
      { session: 'nobody', inputs: rows(1, 1) },
      { session: 'lstm0', inputs: rows(2, 1) },
      { session: 'lstm0', inputs: [[1, 2]] },
      { session: 'lstm0', inputs: [[1, 2, 1e39]] },
      { session: 'lstm1', inputs: [['NaN', 0, 1]] },
      { session: 'lstm1', inputs: rows(1, 1), if_match: 99 },
      { session: 'gru1', inputs: rows(1, 2), key: 'again' },
      { session: 'pinned', inputs: [rows(2, round)] },
    );
  }
  return steps;
}

/** What does not differ by the number of the request. */
function told(results: readonly { problem?: { request_id?: string; instance?: string } }[]): unknown[] {
  return results.map(({ problem, ...rest }) =>
    problem ? { ...rest, problem: { ...problem, request_id: '', instance: '' } } : rest,
  );
}

it('gives each step of any mixture what it gets alone, bit for bit', async () => {
  const [together, alone] = [await start(), await start()];
  const steps = mixed();
  const { body } = await call(together, 'POST', '/v1/steps', { steps });
  const single: unknown[] = [];
  for (const step of steps) {
    // As text without its numbers lifted from the bytes, a step takes the general way.
    const plain = JSON.stringify({ steps: [{ ...step, trace: false }] });
    single.push(...JSON.parse((await call(alone, 'POST', '/v1/steps', plain)).text).results);
  }
  expect(told(body.results)).toEqual(told(single as never));
  const codes = new Set(body.results.flatMap(({ problem }: { problem?: { code: string } }) => problem?.code ?? []));
  expect([...codes].sort()).toEqual([
    'idempotency-key-reused',
    'not-found',
    'session-expired',
    'value-out-of-range',
    'version-mismatch',
    'wrong-shape',
  ]);
  for (const app of [together, alone]) expect((await call(app, 'GET', '/v1/sessions/kept')).body.step).toBe(3);
});

it('carries out two calls for the same sessions one after the other', async () => {
  const app = await start();
  const steps = Array.from({ length: 30 }, (_, k) => ({ session: `gru${k % 2}`, inputs: rows(1, k) }));
  const calls = await Promise.all([1, 2, 3].map(() => call(app, 'POST', '/v1/steps', { steps })));
  const taken = calls.flatMap(({ body }) => body.results.map(({ step }: { step: number }) => step));
  expect(taken.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 90 }, (_, k) => 1 + (k >> 1)));
  for (const { body } of calls) {
    const own = body.results.flatMap(({ step }: { step: number }, k: number) => (k % 2 === 0 ? step : []));
    expect(own).toEqual(own.toSorted((a: number, b: number) => a - b));
  }
});

it('looks up a session that is not there once for many steps, and what it keeps twice where they have keys', async () => {
  const store = openMemoryStore();
  const app = await startApp({ store });
  apps.push(app);
  const [get, getAll] = [vi.spyOn(store, 'get'), vi.spyOn(store, 'getAll')];
  const statusesOf = async (keyOf: (k: number) => object) => {
    const steps = Array.from({ length: 32 }, (_, k) => ({ session: 'none', inputs: rows(1, k), ...keyOf(k) }));
    const { body } = await call(app, 'POST', '/v1/steps', { steps });
    return body.results.map(({ status }: { status: number }) => status);
  };
  expect(await statusesOf(() => ({}))).toEqual(Array(32).fill(404));
  expect([get.mock.calls.length, getAll.mock.calls.length]).toEqual([0, 1]);
  expect(await statusesOf((k) => ({ key: `k${k}` }))).toEqual(Array(32).fill(404));
  expect([get.mock.calls.length, getAll.mock.calls.length]).toEqual([2, 2]);
});

it('counts the work of each step against the quota', async () => {
  const app = await startApp({ quotas: { work_per_second: 10_000 } });
  apps.push(app);
  await make(app, '/v1/cells', CELLS[0]);
  for (let k = 0; k < 20; k++) await make(app, '/v1/sessions', { id: `s${k}`, cell: 'lstm' });
  const steps = Array.from({ length: 20 }, (_, k) => ({ session: `s${k}`, inputs: rows(1, k) }));
  const { body } = await call(app, 'POST', '/v1/steps', { steps });
  const statuses = body.results.map(({ status }: { status: number }) => status);
  const taken = statuses.indexOf(429);
  expect(taken).toBeGreaterThan(0);
  expect(statuses).toEqual([...Array(taken).fill(200), ...Array(20 - taken).fill(429)]);
  const steppedOf = async (k: number) => (await call(app, 'GET', `/v1/sessions/s${k}`)).body.step;
  expect([await steppedOf(taken - 1), await steppedOf(taken)]).toEqual([1, 0]);
});

it('counts the work of a step once, also where its numbers leave it to be taken alone', async () => {
  const clock = new TestClock();
  const app = await start(clock);
  const headers = { 'content-type': 'application/x-safetensors' };
  const workOf = async (inputs: Float64Array | Float32Array) => {
    clock.now += 5_000;
    const dtype = inputs instanceof Float32Array ? 'float32' : 'float64';
    const file = writeSafetensors(new Map([['inputs', new Tensor(dtype, [1, 3], inputs)]]), { sessions: '["lstm0"]' });
    const { body } = await call(app, 'POST', '/v1/steps', file, headers);
    clock.now += 1_000;
    const { body: usage } = await call(app, 'GET', '/v1/usage');
    return { status: body.results[0].status, work: usage.work_per_second.used };
  };
  const one = await workOf(Float32Array.of(1, 2, 3));
  expect(one).toEqual({ status: 200, work: expect.any(Number) });
  expect(one.work).toBeGreaterThan(0);
  // NaN has to be converted by the rules of a step that is alone.
  expect(await workOf(Float64Array.of(1, 2, Number.NaN))).toEqual(one);
  expect(await workOf(Float64Array.of(1, 2, 1e39))).toEqual({ status: 422, work: 0 });
});
