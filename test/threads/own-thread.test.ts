import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { OwnThreads } from '../../src/threads/own-thread.ts';

const SCRIPT = new URL('./keeping-thread.ts', import.meta.url);
const threads = () => new OwnThreads<Task, Answer>(SCRIPT);

/** What a thread of keeping-thread.ts is to do. */
interface Task {
  readonly keep?: number;
  readonly wait?: number;
  readonly compute?: boolean;
  readonly memory?: ArrayBuffer;
}

interface Answer {
  readonly thread: number;
  readonly buffer: ArrayBuffer;
}

it('does tasks that follow one another in one thread, and those at once in several', async () => {
  const own = threads();
  const first = await own.run({});
  expect((await own.run({})).thread).toBe(first.thread);
  const [a, b] = await Promise.all([own.run({}), own.run({})]);
  expect(a.thread).not.toBe(b.thread);
});

it('ends a thread that keeps much memory, but not for what it was given and answers', async () => {
  const own = threads();
  const memory = new ArrayBuffer(2 ** 26);
  const first = await own.run({ memory }, [memory]);
  expect((await own.run({})).thread).toBe(first.thread);
  await own.run({ keep: 2 ** 26 });
  expect((await own.run({})).thread).not.toBe(first.thread);
});

it('takes another thread where one has had nothing to do for a while, or whoever asked has gone', async () => {
  const own = threads();
  const first = await own.run({});
  await delay(1_000);
  const second = await own.run({});
  expect(second.thread).not.toBe(first.thread);
  const gone = new AbortController();
  const asked = own.run({ wait: 10_000 }, [], gone.signal);
  gone.abort();
  await expect(asked).rejects.toMatchObject({ code: 'client-gone' });
  expect((await own.run({})).thread).not.toBe(second.thread);
});

describe('a thread that computes', () => {
  const used = vi.spyOn(Worker.prototype, 'cpuUsage');
  beforeEach(() => used.mockResolvedValue({ user: 0, system: 0 }));
  afterAll(() => used.mockRestore());

  it('is ended after more time of the processor than a task may take, and another is taken', async () => {
    const own = new OwnThreads<Task, Answer>(SCRIPT, { timeoutMs: 10_000 });
    const first = await own.run({});
    // When it begins, and then.
    used.mockResolvedValueOnce({ user: 5e6, system: 0 }).mockResolvedValue({ user: 14e6, system: 1_001_000 });
    await expect(own.run({ compute: true })).rejects.toThrow('it took longer than 10000 ms');
    used.mockResolvedValue({ user: 0, system: 0 });
    expect((await own.run({})).thread).not.toBe(first.thread);
  });

  it('is ended where the machine has no time for it, and its client is told to come again', async () => {
    const own = new OwnThreads<Task, Answer>(SCRIPT, { timeoutMs: 100 });
    const busy = { code: 'overloaded', message: expect.stringContaining('within 600 ms, as the machine is busy') };
    await expect(own.run({ compute: true })).rejects.toMatchObject(busy);
  });
});
