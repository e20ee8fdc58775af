import { expect, test } from 'vitest';
import { send, service } from './support.ts';

/** A language model whose training step takes tens of milliseconds. */
const LAYERS = [
  { class_name: 'InputLayer', config: { batch_shape: [null, null] } },
  { class_name: 'Embedding', config: { input_dim: 96, output_dim: 32 } },
  { class_name: 'GRU', config: { units: 128, return_sequences: true } },
  { class_name: 'Dense', config: { units: 96 } },
];
const ROWS = 32;
const TIME = 64;
const UPDATES = 40;

/** What /healthz takes is printed: a machine that does other work too says nothing by a bound. Asked for are 50 ms at the 99th percentile. */
test.each(['1', '0'])('other requests are answered during a long training, with %s threads', async (threads) => {
  const { url } = await service({ CELLSTEP_THREADS: threads });
  const cell = { id: 'net', class_name: 'Sequential', config: { layers: LAYERS } };
  expect((await send(url, '/v1/cells', cell)).status).toBe(201);
  const tokens = (shift: number) =>
    Array.from({ length: ROWS }, (_, row) => Array.from({ length: TIME }, (_, t) => (7 * row + 5 * t + shift) % 96));
  const loss = { class_name: 'SparseCategoricalCrossentropy', config: { from_logits: true } };
  const body = { inputs: tokens(0), targets: tokens(5), loss, optimizer: 'adam', repeat: UPDATES };
  let done = false;
  const training = send(url, '/v1/cells/net/training_steps', body).finally(() => {
    done = true;
  });
  const waits: number[] = [];
  while (!done) {
    const start = performance.now();
    expect((await send(url, '/healthz')).status).toBe(200);
    waits.push(performance.now() - start);
  }
  const { status, text } = await training;
  expect(status, text).toBe(200);
  expect(JSON.parse(text)).toMatchObject({ iteration: UPDATES });
  // More than one for each update: the event loop has its turns within them, too.
  expect(waits.length).toBeGreaterThan(UPDATES);
  const sorted = waits.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(1);
  console.log(
    `/healthz during ${UPDATES} updates, ${threads} threads: ${waits.length} probes, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`,
  );
});
