import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
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

it.runIf(hasThreads)('gives those in which V8 collects memory less too, and no other thread of the process', () => {
  const own = getPriority(process.pid);
  const script = join(import.meta.dirname, 'helpers-process.ts');
  const lines = execFileSync(process.execPath, [script], { encoding: 'utf8' }).trim().split('\n');
  const ofV8 = lines.filter((line) => line.includes('V8Worker'));
  expect(ofV8.length).toBeGreaterThan(0);
  for (const line of lines) {
    expect(line).toMatch(new RegExp(` ${ofV8.includes(line) ? Math.min(own + 10, 19) : own}$`));
  }
});
