import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

/** As `nice` counts: the event loop then gets some ten times the processor's time where both want it. */
const LOWER = 10;

/** The threads in which V8 collects memory and compiles, beside the one that runs the code. */
const HELPERS = /V8Worker/;
const THREADS = '/proc/self/task';

/**
 * Lets other threads have the processor before the thread that calls it: above all that of the event loop, whose turns are short
 * and for which all clients wait. Only Linux has priorities of threads, and where the system refuses one, all stays as it is.
 */
export function giveWay(): void {
  try {
    lower(Number(readlinkSync('/proc/thread-self').split('/').at(-1)));
  } catch {
    // As before.
  }
}

/** The same for V8's own threads, which are there from the start of the process. */
export function helpersGiveWay(): void {
  try {
    for (const thread of readdirSync(THREADS)) {
      if (HELPERS.test(readFileSync(`${THREADS}/${thread}/comm`, 'utf8'))) lower(Number(thread));
    }
  } catch {
    // As before.
  }
}

function lower(thread: number): void {
  setPriority(thread, Math.min(getPriority(thread) + LOWER, constants.priority.PRIORITY_LOW));
}
