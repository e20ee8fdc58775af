/** A thread that keeps memory, waits or computes, as its task says. */
import { setTimeout as delay } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { answerParent } from '../../src/threads/own-thread.ts';

interface Task {
  readonly keep?: number;
  readonly wait?: number;
  readonly compute?: boolean;
  readonly memory?: ArrayBuffer;
}

const kept: ArrayBuffer[] = [];

answerParent<Task, { readonly thread: number; readonly buffer: ArrayBuffer }>(async ({ keep, wait, compute }) => {
  while (compute);
  if (keep) kept.push(new ArrayBuffer(keep));
  if (wait) await delay(wait);
  return { thread: threadId, buffer: new ArrayBuffer(2 ** 26) };
});
