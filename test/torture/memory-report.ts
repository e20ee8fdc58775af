/**
 * Loaded into a service that is watched: on SIGUSR2 it collects garbage and writes what its heap and its buffers still hold.
 * Needs --expose-gc.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env.CELLSTEP_MEMORY_REPORT;

if (isMainThread && file) {
  process.on('SIGUSR2', () => {
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    // Buffers of JavaScript are in `external`.
    // Nobody reads half of it.
    writeFileSync(`${file}.new`, JSON.stringify({ bytes: heapUsed + external }));
    renameSync(`${file}.new`, file);
  });
}
