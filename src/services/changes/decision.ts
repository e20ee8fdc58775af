import type { StoreWrite } from '../../domain/ports.ts';
import { breathe } from './breathe.ts';

/** The writes of a change, all for one owner, and its result. Without writes nothing is committed. */
export interface Decision<T> {
  readonly writes: readonly StoreWrite[];
  readonly result: T;
  /** Runs after the commit. It may fail or never run, so nothing may depend on it. */
  readonly afterwards?: () => Promise<unknown>;
}

/**
 * Decides on a change from what the store has now. Returns undefined if that changed in the meantime: decide again.
 * If it throws a Problem, the change is refused and nothing is written.
 */
export type Decide<T> = () => Promise<Decision<T> | undefined>;

/** The same decision with another result. The result is made before the commit, so it cannot fail after it. */
export function decideAnd<T, R>(decide: Decide<T>, answer: (result: T) => R): Decide<R> {
  return async () => {
    const decision = await decide();
    const pause = decision && breathe(decision.writes);
    if (pause) await pause;
    return decision && { ...decision, result: answer(decision.result) };
  };
}
