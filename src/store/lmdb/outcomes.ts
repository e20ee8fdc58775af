import { setTimeout as delay } from 'node:timers/promises';

/** The disk did not answer in time. It is unknown whether the commit takes effect. */
export class TimeLimitError extends Error {}

/** The number of parts of a time limit. */
const TICKS = 20;

/**
 * Counts time only while the event loop runs: an event loop that large work blocked must not look like a disk that does not
 * answer. An outcome after the time limit is ignored; LMDB carries out the next transactions behind it.
 */
export async function withinLimit<T>(transaction: Promise<T>, milliseconds: number): Promise<T> {
  const limit = Promise.withResolvers<never>();
  const message = `the disk did not answer within ${milliseconds} ms; what was sent may still take effect`;
  let ticks = 0;
  const timer = setInterval(() => {
    if (++ticks === TICKS) limit.reject(new TimeLimitError(message));
  }, milliseconds / TICKS);
  transaction.catch((error: unknown) => reasonOf(error).catch(() => {}));
  return Promise.race([transaction, limit.promise]).finally(() => clearInterval(timer));
}

/**
 * lmdb-js rejects a failed commit with a general error whose `commitError` is a promise that rejects with the reason;
 * unheard, that promise would end the process. The time limit is for the few reasons that it forgets to tell.
 */
export async function reasonOf(error: unknown): Promise<unknown> {
  const reason = (error as { commitError?: Promise<unknown> }).commitError;
  if (reason === undefined) return error;
  const told = reason.then(
    () => error,
    (cause: unknown) => cause,
  );
  return Promise.race([told, delay(1_000, error, { ref: false })]);
}
