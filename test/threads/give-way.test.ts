import { existsSync } from 'node:fs';
import { getPriority } from 'node:os';
import { expect, it } from 'vitest';
import { OwnThreads } from '../../src/threads/own-thread.ts';

const SCRIPT = new URL('./priority-thread.ts', import.meta.url);
/** Other systems than Linux have no priority of a thread. */
const hasThreads = existsSync('/proc/thread-self');

it.runIf(hasThreads)('gives a thread of one task less of the processor than the event loop has', async () => {
  const own = getPriority(process.pid);
  expect(await new OwnThreads<void, number>(SCRIPT).run()).toBe(Math.min(own + 10, 19));
  expect(getPriority(process.pid)).toBe(own);
});
