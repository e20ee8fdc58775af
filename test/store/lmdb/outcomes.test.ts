import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { TimeLimitError, withinLimit } from '../../../src/store/lmdb/outcomes.ts';

it('does not take a loop that stood still for a disk that does not answer', async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const outcome = withinLimit(promise, 400);
  const end = performance.now() + 600;
  while (performance.now() < end);
  setTimeout(() => resolve('committed'), 1);
  await expect(outcome).resolves.toBe('committed');
});

it('ends to wait for a disk that does not answer', async () => {
  await expect(withinLimit(new Promise(() => {}), 20)).rejects.toThrow(TimeLimitError);
  await delay(1);
});
