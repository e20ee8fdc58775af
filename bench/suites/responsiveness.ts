import { CHAR_LM, charLmLayers } from '../char-lm.ts';
import { Load, request } from '../load.ts';
import { duration, type Figure, type Suite } from '../report.ts';
import { serve } from '../service.ts';

const UNITS = 2048;
const FEATURES = 16;
const TIME = 20;
/** Milliseconds within which 99 of 100 probes are to be answered. */
const GOAL_MS = 50;
const SEQUENCES = 4;
/** Steps of a training that takes longer than the probes. */
const UPDATES = 1500;

export const suite: Suite = {
  about: `GET /healthz, asked without a pause by one client, while ${SEQUENCES} clients run sequences of ${TIME} steps over an LSTM(${UNITS}):
its 99th percentile, and that of the idle service; and the same while a language model (bench/char-lm.ts) is trained over HTTP, in both precisions, on a thread and
without threads. The ratio is the goal of ${GOAL_MS} ms over the measured time.`,
  async run(tell) {
    const service = await serve('memory');
    try {
      const zeros = { class_name: 'RandomUniform', config: { minval: -0.02, maxval: 0.02, seed: 1 } };
      const config = { units: UNITS, kernel_initializer: zeros, recurrent_initializer: zeros };
      const input_shape = [null, FEATURES];
      await service.post('/v1/cells', { id: 'large', class_name: 'LSTMCell', config, input_shape });
      const inputs = [
        Array.from({ length: TIME }, (_, t) => Array.from({ length: FEATURES }, (_, k) => Math.sin(t + k))),
      ];
      const sequence = request('POST', '/v1/cells/large/sequences', { inputs, return_sequences: false });
      const load = new Load(service.url, Array(SEQUENCES).fill(sequence));
      const probe = new Load(service.url, [request('GET', '/healthz')]);
      await probe.run(500);
      const idle = percentile((await probe.run(2000)).latencies, 0.99);
      // The first ones make threads and put the weights in shared memory.
      await load.run(1);
      const [busy, work] = await Promise.all([probe.run(10_000), load.run(10_000)]);
      const p99 = percentile(busy.latencies, 0.99);
      tell({
        name: '/healthz p99 under LSTM(2048) sequences',
        cellstep: duration(p99 * 1e6),
        peer: `${duration(idle * 1e6)} idle`,
        ratio: GOAL_MS / p99,
        goal: 1,
      });
      tell({
        name: '/healthz, the longest of these',
        cellstep: duration(percentile(busy.latencies, 1) * 1e6),
        peer: `${busy.latencies.length} probes`,
      });
      const steps = work.latencies.length * TIME;
      tell({
        name: 'steps of the sequences meanwhile',
        cellstep: `${(work.perSecond * TIME).toFixed(0)} steps/s`,
        peer: `${steps} steps`,
      });
      load.close();
      probe.close();
    } finally {
      await service.close();
    }
    for (const threads of ['1', '0'])
      for (const precision of ['fast', 'exact']) await tellTraining(threads, precision, tell);
    return [];
  },
};

async function tellTraining(threads: string, precision: string, tell: (figure: Figure) => void): Promise<void> {
  const service = await serve('memory', { CELLSTEP_THREADS: threads });
  try {
    await service.post('/v1/cells', {
      id: 'net',
      class_name: 'Sequential',
      config: { layers: charLmLayers(null) },
      precision,
    });
    const { batch, time, letters } = CHAR_LM;
    const tokens = (shift: number) =>
      Array.from({ length: batch }, (_, row) =>
        Array.from({ length: time }, (_, t) => (7 * row + t + shift) % letters),
      );
    const gone = new AbortController();
    const loss = { class_name: 'SparseCategoricalCrossentropy', config: { from_logits: true } };
    const training = fetch(`${service.url}/v1/cells/net/training_steps`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/jsonl' },
      body: JSON.stringify({ inputs: tokens(0), targets: tokens(1), loss, optimizer: 'adam', repeat: UPDATES }),
      signal: gone.signal,
    });
    const { ok, status } = await training;
    if (!ok) throw new Error(`the training was answered ${status}`);
    const probe = new Load(service.url, [request('GET', '/healthz')]);
    const { latencies } = await probe.run(10_000);
    probe.close();
    gone.abort();
    const p99 = percentile(latencies, 0.99);
    tell({
      name: `/healthz p99 in a training, ${precision}, ${threads} threads`,
      cellstep: duration(p99 * 1e6),
      peer: `${latencies.length} probes`,
      ratio: GOAL_MS / p99,
      goal: 1,
    });
  } finally {
    await service.close();
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
