import type { Decision } from './decision.ts';
import type { Repeatable } from './once.ts';

export type Within = <T>(work: () => T) => T;

/** One of many changes that are made together, each with an outcome of its own. */
export interface OneOfMany<R> {
  /** The key of the thing that it changes. */
  readonly owner: string;
  readonly once?: Repeatable<R>;
  /** Decides on it alone. The result is its answer. */
  decide(): Promise<Decision<R> | undefined>;
  /** Does work for whoever asked for the change, where that is not who asked for all. */
  readonly within?: Within;
  /** Called once, with the answer or with what `decide` or the commit threw. */
  settle(end: R | Error): void;
}

/**
 * What was decided on the first of an owner's changes, one at least. Each is decided as if those before it had been committed; an
 * Error refuses it, and those behind it go on without it. undefined: it is to be decided alone, and so are those behind it.
 */
export type Decisions<R> = readonly (Decision<R> | Error | undefined)[];

/** Decides on the changes of many owners together, each list those of one, in their order. If it rejects, all are decided alone. */
export type DecideAll<R, I> = (changes: readonly (readonly I[])[]) => Promise<readonly Decisions<R>[]>;

/** Settles a change. A fault of whoever hears of it must neither keep the others from theirs nor end the process. */
export function settle<R>(item: OneOfMany<R>, end: R | Error): void {
  try {
    item.settle(end);
  } catch {
    // It is up to the door to tell of its own faults.
  }
}
