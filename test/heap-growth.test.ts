import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { HeapGrowth } from '../src/heap-growth.ts';

const MEMORY = 1000;
const HEAP_GROWTH = new URL('../src/heap-growth.ts', import.meta.url).href;
const run = promisify(execFile);

let used = 0;
const grow = vi.fn();

beforeEach(() => {
  vi.useFakeTimers();
  grow.mockReset();
});
afterEach(() => vi.useRealTimers());

/** With a heap of 100, which may grow by 200. */
function begin(bytes: number) {
  used = bytes;
  new HeapGrowth(MEMORY, { used: () => used, size: () => 100, grow }).begin();
}

it('lets the heap grow while that leaves four tenths of the memory free', () => {
  begin(400);
  vi.advanceTimersByTime(10_000);
  expect(grow.mock.calls).toEqual([[200]]);
});

it('leaves it to V8 from the start where it would not', () => {
  begin(401);
  vi.advanceTimersByTime(10_000);
  expect(grow).not.toHaveBeenCalled();
});

it('leaves it to V8 while the memory is full', () => {
  begin(100);
  used = 900;
  vi.advanceTimersByTime(50);
  expect(grow.mock.lastCall).toEqual([0]);
  used = 100;
  vi.advanceTimersByTime(50);
  expect(grow.mock.lastCall).toEqual([200]);
  expect(grow).toHaveBeenCalledTimes(3);
});

it('sets a flag that this V8 has', async () => {
  const script = `import { HeapGrowth } from '${HEAP_GROWTH}'; new HeapGrowth(Number.POSITIVE_INFINITY).look();`;
  // V8 names a flag that it does not have there.
  expect((await inAProcess(script)).stderr).toBe('');
});

it('counts what arrays take', async () => {
  // In a process of its own: this one gives back what earlier tests held, whenever it gets to it.
  const script = `import { usedMemory } from '${HEAP_GROWTH}';
    const before = usedMemory();
    const array = new Uint8Array(2 ** 27).fill(1);
    console.log((usedMemory() - before) / array.length);`;
  const share = Number((await inAProcess(script)).stdout);
  expect(share).toBeGreaterThan(0.9);
  expect(share).toBeLessThan(1.5);
});

const inAProcess = (script: string) => run(process.execPath, ['--input-type=module', '--eval', script]);
