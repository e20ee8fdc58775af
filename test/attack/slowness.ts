import { setTimeout as delay } from 'node:timers/promises';

/** The speed of the machine is measured by so many pieces of work, of so many milliseconds of a processor each. */
const PIECES = { count: 20, ms: 4 };

/**
 * How many times as long work takes as it needs of a processor: a machine that is busy with other things is slower, and
 * bounds of time are multiplied by that. To be asked while the service is alone.
 */
export async function slowness(): Promise<number> {
  const ratios: number[] = [];
  for (let k = 0; k < PIECES.count; k++) {
    const started = performance.now();
    const before = process.threadCpuUsage();
    let spent = 0;
    while (spent < PIECES.ms) {
      const { user, system } = process.threadCpuUsage(before);
      spent = (user + system) / 1000;
    }
    ratios.push((performance.now() - started) / spent);
    await delay(10);
  }
  return Math.max(1, ratios.sort((a, b) => a - b)[Math.floor(0.9 * PIECES.count)]);
}
