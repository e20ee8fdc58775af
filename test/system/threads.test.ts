import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { expect, test } from 'vitest';
import { send, service } from './support.ts';

const UNITS = 1024;
const TIME = 150;

/** A service with a cell so large that a sequence of it takes a second or so; and how to ask for that sequence. */
async function withLargeCell(settings: Readonly<Record<string, string>>) {
  const started = await service(settings);
  const cell = {
    id: 'large',
    class_name: 'SimpleRNNCell',
    config: { units: UNITS, kernel_initializer: 'ones', recurrent_initializer: 'identity', activation: 'linear' },
    precision: 'exact',
    input_shape: [null, 1],
  };
  expect((await send(started.url, '/v1/cells', cell)).status).toBe(201);
  const inputs = Array.from({ length: 8 }, (_, row) => Array.from({ length: TIME }, () => [row]));
  const sequence = async () => {
    const body = { inputs, return_sequences: false };
    const { status, text } = await send(started.url, '/v1/cells/large/sequences', body);
    return { status, sums: status === 200 ? JSON.parse(text).output.map((row: number[]) => row[0]) : text };
  };
  const expected = { status: 200, sums: Array.from({ length: 8 }, (_, row) => row * TIME) };
  return { ...started, sequence, expected };
}

test('other requests are answered while a large sequence runs, which is answered too', async () => {
  const { url, sequence, expected } = await withLargeCell({ CELLSTEP_THREADS: '2' });
  let done = false;
  const running = sequence().finally(() => {
    done = true;
  });
  let probes = 0;
  let threads = 0;
  while (!done) {
    expect((await send(url, '/healthz')).status).toBe(200);
    probes++;
    const [, count] = /^cellstep_threads_running\{worker="1"\} (\d+)$/m.exec((await send(url, '/metrics')).text) ?? [];
    threads = Math.max(threads, Number(count));
  }
  expect(await running).toEqual(expected);
  expect(probes).toBeGreaterThan(5);
  // Its rows are shared among them.
  expect(threads).toBe(2);
});

test('threads that compute, and those of V8, leave the processor to the event loop', async () => {
  const { child, sequence, expected } = await withLargeCell({ CELLSTEP_THREADS: '2' });
  expect(await sequence()).toEqual(expected);
  const { pid = 0 } = child;
  const own = getPriority();
  expect(getPriority(pid)).toBe(own);
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => ({
    isOfV8: readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').includes('V8Worker'),
    givesWay: getPriority(Number(thread)) > own,
  }));
  expect(threads.filter(({ isOfV8, givesWay }) => givesWay && !isOfV8)).toHaveLength(2);
  const ofV8 = threads.filter(({ isOfV8 }) => isOfV8);
  expect(ofV8.length).toBeGreaterThan(0);
  expect(ofV8.every(({ givesWay }) => givesWay)).toBe(true);
});

test('a large sequence that runs when the service is told to end is answered first', async () => {
  const { url, sequence, expected, stop } = await withLargeCell({ CELLSTEP_THREADS: '1' });
  const running = sequence();
  for (;;) {
    const { text } = await send(url, '/metrics');
    if (text.includes('cellstep_threads_running{worker="1"} 1')) break;
  }
  const ended = stop();
  expect(await running).toEqual(expected);
  expect(await ended).toEqual({ code: 0, signal: null });
});

test('without threads it is computed all the same', async () => {
  const { sequence, expected } = await withLargeCell({ CELLSTEP_THREADS: '0' });
  expect(await sequence()).toEqual(expected);
});
