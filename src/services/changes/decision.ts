import type { StoreWrite } from '../../domain/ports.ts';

/** What a change writes, all of it of one owner, and its result. Without writes there is nothing to commit. */
export interface Decision<T> {
  readonly writes: readonly StoreWrite[];
  readonly result: T;
  /** What else is to be done once the change is committed. It may fail, or never run: nothing may depend on it. */
  readonly afterwards?: () => Promise<unknown>;
}

/**
 * Decides on a change by what the store has now. Undefined where that has changed in the meantime: decide again.
 * A Problem that it throws refuses the change, and nothing is written.
 */
export type Decide<T> = () => Promise<Decision<T> | undefined>;

/** The same decision with another result, made before the commit, so that it cannot fail after it. */
export function decideAnd<T, R>(decide: Decide<T>, answer: (result: T) => R): Decide<R> {
  return async () => {
    const decision = await decide();
    return decision && { ...decision, result: answer(decision.result) };
  };
}
