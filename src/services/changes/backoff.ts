import { setTimeout as delay } from 'node:timers/promises';
import type { Backoff } from '../../domain/ports.ts';

const MAX_MILLISECONDS = 50;

/** Waits a random while that grows with the tries, so that racing processes drift apart. */
export const randomBackoff: Backoff = (tries) => delay(Math.random() * Math.min(MAX_MILLISECONDS, 2 ** tries));
