import { readlinkSync } from 'node:fs';
import { getPriority } from 'node:os';
import { answerParent } from '../../src/threads/own-thread.ts';

/** The priority of the calling thread. */
export function ownPriority(): number {
  return getPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)));
}

answerParent(ownPriority);
