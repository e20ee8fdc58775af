import { commitAll } from '../../domain/store-calls.ts';
import type { Ports } from '../ports.ts';
import type { Decision } from './decision.ts';
import { decideOnce, type Repeatable } from './once.ts';
import type { RunningKeys } from './running-keys.ts';

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
 * Decides on changes of different owners together: a decision for each, its refusal, or undefined if it is to be decided
 * alone. If it rejects, each is.
 */
export type DecideAll<R, I> = (items: readonly I[]) => Promise<(Decision<R> | Error | undefined)[]>;

/** Settles a change. A fault of whoever hears of it must neither keep the others from theirs nor end the process. */
export function settle<R>(item: OneOfMany<R>, end: R | Error): void {
  try {
    item.settle(end);
  } catch {
    // It is up to the door to tell of its own faults.
  }
}

/**
 * Decides on the changes together, commits those that are not refused, and settles them. Returns those that are left to be
 * made alone: nothing of them is committed. Never rejects.
 */
export async function decideTogether<R, I extends OneOfMany<R>>(
  context: Pick<Ports, 'store' | 'clock' | 'limits'>,
  running: RunningKeys,
  items: readonly I[],
  decideTheseAll: DecideAll<R, I>,
): Promise<ReadonlySet<I>> {
  const decideAll: DecideAll<R, I> = async (some) => {
    try {
      return await decideTheseAll(some);
    } catch {
      return [];
    }
  };
  const left = new Set<I>();
  const ends = new Map<I, () => void>();
  const plain: I[] = [];
  const keyed: I[] = [];
  for (const item of items) {
    try {
      if (item.once) ends.set(item, running.begin(item.owner, item.once.idempotencyKey));
      (item.once ? keyed : plain).push(item);
    } catch (error) {
      settle(item, error as Error);
    }
  }
  const decisions =
    keyed.length === 0 ? await decideAll(plain) : await decideWithKeys(context, plain, keyed, decideAll);
  const asked = keyed.length === 0 ? plain : [...plain, ...keyed];
  const committing: I[] = [];
  const made: Decision<R>[] = [];
  for (let k = 0; k < asked.length; k++) {
    const decision = decisions[k];
    if (decision === undefined) left.add(asked[k]);
    else if (decision instanceof Error) {
      // Before it is told: its key may come again at once.
      ends.get(asked[k])?.();
      ends.delete(asked[k]);
      settle(asked[k], decision);
    } else {
      committing.push(asked[k]);
      made.push(decision);
    }
  }
  const committed = await commitAll(
    context.store,
    made.map(({ writes }) => writes),
  );
  // A repetition that comes from now on finds what is kept.
  for (const end of ends.values()) end();
  for (let k = 0; k < committing.length; k++) {
    const end = committed[k];
    if (end === 'conflict') left.add(committing[k]);
    else settle(committing[k], end === 'committed' ? made[k].result : end);
  }
  return left;
}

/** The same decisions, first those of `plain`. Each of `keyed` joins the others once it is known to be no repetition. */
async function decideWithKeys<R, I extends OneOfMany<R>>(
  context: Pick<Ports, 'store' | 'clock' | 'limits'>,
  plain: readonly I[],
  keyed: readonly I[],
  decideAll: DecideAll<R, I>,
): Promise<(Decision<R> | Error | undefined)[]> {
  const joined: I[] = [];
  const told: PromiseWithResolvers<Decision<R> | undefined>[] = [];
  const known: Promise<unknown>[] = [];
  const deciding = keyed.map((item) => {
    const joining = Promise.withResolvers<void>();
    const decide = () => {
      const decision = Promise.withResolvers<Decision<R> | undefined>();
      joined.push(item);
      told.push(decision);
      joining.resolve();
      return decision.promise;
    };
    const decided = decideOnce(context, item.owner, item.once!, decide)().catch((error: Error) => error);
    known.push(Promise.race([joining.promise, decided]));
    return decided;
  });
  await Promise.all(known);
  const decisions = await decideAll([...plain, ...joined]);
  for (let k = 0; k < told.length; k++) {
    const decision = decisions[plain.length + k];
    if (decision instanceof Error) told[k].reject(decision);
    else told[k].resolve(decision);
  }
  return [...decisions.slice(0, plain.length), ...(await Promise.all(deciding))];
}
