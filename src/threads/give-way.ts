import { readlinkSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

/** As `nice` counts: the event loop then gets some ten times the processor's time where both want it. */
const LOWER = 10;

/**
 * Lets other threads have the processor before the thread that calls it: above all that of the event loop, whose turns are short
 * and for which all clients wait. Only Linux has priorities of threads, and where the system refuses one, all stays as it is.
 */
export function giveWay(): void {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(thread, Math.min(getPriority(thread) + LOWER, constants.priority.PRIORITY_LOW));
  } catch {
    // As before.
  }
}
