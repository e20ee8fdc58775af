import { expect, it } from 'vitest';
import { PATIENCE_MS } from '../support/patience.ts';
import { type Answer, createAgent, exchange } from './exchange.ts';
import { createRandom } from './random.ts';
import { ServiceProcess } from './service-process.ts';

const SESSIONS = 64;
const STEPS = 12;
const FEATURES = 8;
const POISONED = new Map([
  [7, 'NaN'],
  [23, 'Infinity'],
  [42, '-Infinity'],
]);

/** The outputs of each step of a session, in base64. */
type Bits = string[];

it.each(['fast', 'exact'])('a poisoned session in a full batch changes no bit of the others, %s', async (precision) => {
  const service = new ServiceProcess({ CELLSTEP_STORE: 'memory:' });
  const agent = createAgent(SESSIONS);
  const post = async (path: string, body: unknown): Promise<Answer> => {
    for (;;) {
      const answer = await exchange(agent, service.url, { method: 'POST', path, body }, PATIENCE_MS);
      // A busy machine may have no time for so many at once. What is refused is not carried out.
      if (answer.body?.code === 'overloaded') continue;
      expect(answer.status, answer.text).toBeLessThan(300);
      return answer;
    }
  };
  try {
    await service.start();
    const seeded = (seed: number) => ({ class_name: 'RandomUniform', config: { minval: -0.5, maxval: 0.5, seed } });
    const config = { units: 64, kernel_initializer: seeded(1), recurrent_initializer: seeded(2) };
    const cell = { id: 'lstm', class_name: 'LSTMCell', config, precision, input_shape: [null, FEATURES] };
    await post('/v1/cells', cell);
    const random = createRandom(5);
    const inputs = Array.from({ length: SESSIONS }, () => {
      return Array.from({ length: STEPS }, () => Array.from({ length: FEATURES }, () => random.next() * 4 - 2));
    });
    const open = (name: string) =>
      Promise.all(inputs.map((_, n) => post('/v1/sessions', { id: `${name}${n}`, cell: 'lstm' })));
    const step = async (session: string, n: number, t: number, poison?: string) => {
      const row = poison !== undefined && t >= 2 ? [poison, ...inputs[n][t].slice(1)] : inputs[n][t];
      const { body } = await post(`/v1/sessions/${session}/steps`, { inputs: [row], tensor_format: 'base64' });
      return body.output.base64 as string;
    };

    await open('alone');
    const alone: Bits[] = inputs.map(() => []);
    for (let n = 0; n < SESSIONS; n++) for (let t = 0; t < STEPS; t++) alone[n].push(await step(`alone${n}`, n, t));

    await open('together');
    const together: Bits[] = inputs.map(() => []);
    for (let t = 0; t < STEPS; t++) {
      const outputs = await Promise.all(inputs.map((_, n) => step(`together${n}`, n, t, POISONED.get(n))));
      for (const [n, output] of outputs.entries()) together[n].push(output);
    }
    for (let n = 0; n < SESSIONS; n++) {
      if (!POISONED.has(n)) expect(together[n], `session ${n}`).toEqual(alone[n]);
    }
    // The poison did what it does.
    const poisoned = Buffer.from(together[7][STEPS - 1], 'base64');
    expect(poisoned.readFloatLE(0)).toBeNaN();
    const metrics = await exchange(agent, service.url, { method: 'GET', path: '/metrics' }, PATIENCE_MS);
    expect(largestBatch(metrics.text), 'rows of the largest batch').toBeGreaterThan(8);
  } finally {
    agent.destroy();
    await service.stop('SIGKILL');
  }
});

/** The lower bound of the highest bucket of the histogram of batches that has any. */
function largestBatch(metrics: string): number {
  const buckets = [...metrics.matchAll(/^cellstep_batch_size_rows_bucket\{[^}]*le="([^"]+)"[^}]*\} (\d+)$/gm)];
  let largest = 0;
  for (const [n, [, , count]] of buckets.entries()) {
    if (n > 0 && Number(count) > Number(buckets[n - 1][2])) largest = Number(buckets[n - 1][1]);
  }
  return largest;
}
