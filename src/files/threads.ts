import { OwnThreads } from '../threads/own-thread.ts';

/** Threads that read files: each within limits of memory, as whoever made a file decides what it takes. What a library prints is dropped. */
export function createThreads<Task, Result>(script: URL, timeoutMs: number): OwnThreads<Task, Result> {
  const resourceLimits = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 };
  return new OwnThreads(script, { timeoutMs, resourceLimits, stdout: true, stderr: true });
}
