import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/** As `nice` counts. The thread of the event loop has 0, which is some ten times the processor's time where both want it. */
const PRIORITY = 10;

/**
 * Lets other threads have the processor before the thread that calls it: above all that of the event loop, whose turns are short
 * and for which all clients wait. Only Linux has priorities of threads, and where the system refuses one, all stays as it is.
 */
export function giveWay(): void {
  try {
    const thread = readlinkSync('/proc/thread-self').split('/').at(-1);
    setPriority(Number(thread), PRIORITY);
  } catch {
    // As before.
  }
}
