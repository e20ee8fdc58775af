/**
 * Loaded into the service that is attacked: tells, for each stretch of time, how long its event loop was held by one piece of
 * work, in milliseconds of the processor. A busy machine does not change that figure.
 */
import { openSync, writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const EVERY_MS = 4;
const WRITE_MS = 100;
const HELD_MS = 50;
const WRITTEN_BYTES = 100;
const file = process.env.CELLSTEP_ATTACK_WATCH;

function used(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

if (isMainThread && file) {
  let before = used();
  let longest = 0;
  let holds = 0;
  setInterval(() => {
    const now = used();
    longest = Math.max(longest, now - before);
    if (now - before > HELD_MS) holds++;
    before = now;
  }, EVERY_MS).unref();
  // Over what is there: to truncate a file may wait for the disk, and would hold the very loop that is watched.
  const descriptor = openSync(file, 'w');
  const write = () => writeSync(descriptor, JSON.stringify({ longest, holds }).padEnd(WRITTEN_BYTES), 0);
  setInterval(write, WRITE_MS).unref();
  process.on('SIGUSR2', () => {
    longest = 0;
    holds = 0;
  });
}
