import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Answer, openCounter, readCounter, send, service, temporaryDirectory } from './support.ts';

const CYCLES = 20;
const CLIENTS = 3;

/** Mulberry32: the same numbers from [0, 1) for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Step {
  readonly key: string;
  readonly input: number;
}

test(`after each of ${CYCLES} kills the session holds exactly the acknowledged steps, once each`, async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  console.log(`SEED=${seed}`);
  const random = randomNumbers(seed);
  const settings = { CELLSTEP_STORE: `lmdb:${join(temporaryDirectory(), 'data')}`, CELLSTEP_LOG_LEVEL: 'info' };
  const take = (base: string, { key, input }: Step) =>
    send(base, '/v1/sessions/counter/steps', { inputs: [[input]] }, { 'idempotency-key': key });

  const acknowledged = { step: 0, sum: 0 };
  const outputs = new Set<number>();
  let next = 0;
  let pending: Step[] = [];
  let last: { step: Step; answer: Answer } | undefined;
  let retried = 0;
  let replayed = 0;

  function acknowledge(step: Step, answer: Answer): void {
    expect(answer.status, answer.text).toBe(200);
    acknowledged.step += 1;
    acknowledged.sum += step.input;
    // Every step has another number, so none was carried out on the state of another.
    const { step: number } = JSON.parse(answer.text) as { step: number };
    expect(outputs.has(number), `step ${number} was acknowledged twice`).toBe(false);
    outputs.add(number);
    last = { step, answer };
  }

  for (let cycle = 0; cycle <= CYCLES; cycle++) {
    const { url, stop } = await service(settings);
    if (cycle === 0) await openCounter(url);
    const interrupted = await readCounter(url);
    expect(interrupted.step).toBeGreaterThanOrEqual(acknowledged.step);
    expect(interrupted.step).toBeLessThanOrEqual(acknowledged.step + pending.length);

    for (const step of pending.splice(0)) {
      const answer = await take(url, step);
      retried++;
      if (answer.headers.get('idempotency-replayed') === 'true') replayed++;
      acknowledge(step, answer);
    }
    expect(await readCounter(url)).toEqual(acknowledged);
    if (last) {
      const again = await take(url, last.step);
      expect(again.headers.get('idempotency-replayed')).toBe('true');
      expect(again.text).toBe(last.answer.text);
      expect(await readCounter(url)).toEqual(acknowledged);
    }
    if (cycle === CYCLES) break;

    let killed = false;
    const client = async () => {
      for (;;) {
        const step = { key: `step-${next++}`, input: 1 + Math.floor(random() * 100) };
        try {
          acknowledge(step, await take(url, step));
        } catch (error) {
          // Only a death of the service is an excuse.
          if (!killed || (error as NodeJS.ErrnoException).code === undefined) throw error;
          pending.push(step);
          return;
        }
      }
    };
    const clients = Promise.all(Array.from({ length: CLIENTS }, client));
    const kill = delay(5 + random() * 150).then(() => {
      killed = true;
      return stop('SIGKILL');
    });
    await Promise.all([clients, kill]);
    pending = pending.toSorted((a, b) => a.key.localeCompare(b.key));
  }
  console.log(`${acknowledged.step} steps, ${retried} retried after a kill, ${replayed} of them had been carried out`);
  expect(acknowledged.step).toBeGreaterThan(CYCLES);
  expect(retried).toBe(CYCLES * CLIENTS);
}, 180_000);
