/**
 * Loaded into a service that is watched: on SIGUSR2 it collects garbage and writes what its heap and its buffers still hold.
 * Needs --expose-gc.
 */
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env.CELLSTEP_MEMORY_REPORT;

if (isMainThread && file) {
  process.on('SIGUSR2', () => {
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    // Buffers of JavaScript are in `external`.
    writeFileSync(file, JSON.stringify({ bytes: heapUsed + external }));
  });
}
