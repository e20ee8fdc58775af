import { expect } from 'vitest';
import type { Store } from '../../../src/domain/ports.ts';
import { Problem } from '../../../src/domain/problems.ts';

/** Of the stores under test: short, so that the tests are, but a server that answers has to do so in this time on a busy machine too. */
export const TIMEOUT = 1_000;
/** In which a call ends: the time limit, and what a busy machine adds. */
export const BOUND = 15 * TIMEOUT;
export const bytes = Buffer.from('value');

export async function put(store: Store, key: string): Promise<void> {
  expect(await store.commit([{ key, bytes }])).toBe('committed');
}

/** Every call rejects, in time, with a 503 that says when to try again. */
export async function expectUnavailable(store: Store, calls = allCalls(store)): Promise<string[]> {
  const from = performance.now();
  const settled = await Promise.allSettled(calls);
  expect(performance.now() - from).toBeLessThan(BOUND);
  return settled.map((outcome) => {
    const problem = outcome.status === 'rejected' ? outcome.reason : outcome;
    expect(problem).toBeInstanceOf(Problem);
    expect([problem.code, problem.status, problem.retryAfterSeconds]).toEqual(['store-unavailable', 503, 1]);
    return problem.message;
  });
}

function allCalls(store: Store): Promise<unknown>[] {
  return [
    store.get('cell/a'),
    store.commit([{ key: 'cell/a', bytes }]),
    store.list('', undefined, 10),
    store.list('cell-variable/a/', undefined, 10),
    store.check(),
  ];
}

export async function recovered(store: Store): Promise<void> {
  await expect.poll(() => works(store), { interval: 20 }).toBe('works');
}

async function works(store: Store): Promise<string> {
  try {
    await store.check();
    await Promise.all(Array.from({ length: 100 }, (_, n) => store.get(`cell/${n}`)));
    return 'works';
  } catch (error) {
    return String(error);
  }
}
