import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { OVER_MEMORY } from './messages.ts';

const EVERY_MILLISECONDS = 20;
const STDERR = 2;
const { parent, maxBytes } = workerData as { readonly parent: number; readonly maxBytes: number };

/**
 * Ends the process from a thread of its own, since a run blocks the main one: when it has more memory than it may, and when
 * the service that started it is gone.
 */
setInterval(() => {
  const over = process.memoryUsage.rss() > maxBytes;
  if (!over && process.ppid === parent) return;
  if (over) writeSync(STDERR, OVER_MEMORY);
  process.kill(process.pid, 'SIGKILL');
}, EVERY_MILLISECONDS);
