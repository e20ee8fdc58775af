import { setTimeout as delay } from 'node:timers/promises';
import type { ExpectedVersion } from '../../domain/conditions.ts';
import type { Backoff } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { turnWithTime } from '../../threads/in-turns.ts';
import { Queue } from '../../threads/queue.ts';
import { type Kind, thingKey } from '../keys.ts';
import type { Ports } from '../ports.ts';
import { breathe, bytesOfWrites } from './breathe.ts';
import { claimedId, claimId, claimName, releaseClaim } from './claims.ts';
import { type Decide, type Decision, decideAnd } from './decision.ts';
import { decideTogether } from './many.ts';
import { decideOnce, type Repeatable } from './once.ts';
import { type DecideAll, type OneOfMany, settle } from './one-of-many.ts';
import { RunningKeys } from './running-keys.ts';

/** How a door asks for a change with the result `T` and answers it with an `R`. */
export interface Change<T, R> {
  readonly expected?: ExpectedVersion;
  /** Called before the commit, so that an answer cannot fail after it. */
  readonly answer: (result: T) => R;
  /** If left out, a repetition counts as another request. */
  readonly once?: Repeatable<R>;
}

type Needs = Pick<Ports, 'store' | 'clock' | 'newId' | 'backoff' | 'limits' | 'beginStage' | 'caller'>;

const MAX_ATTEMPTS = 100;
/** Of changes that were asked for together but are made alone, how many begin at once. */
const MOST_ALONE = 12;
const ID_PREFIX: Readonly<Record<Kind, string>> = {
  cell: 'cell',
  session: 'ses',
  variable: 'var',
  checkpoint: 'ckp',
};

/** Makes changes: one at a time per owner (the key of a thing), completely or not at all, once per idempotency key. */
export class Changer {
  private readonly context: Needs;
  /** Keeps writers of one process from racing; the store's compare-and-set keeps processes apart. */
  private readonly queue = new Queue();
  private readonly running = new RunningKeys();

  constructor(context: Needs) {
    this.context = context;
  }

  /** Decides and commits. Decides again if another writer came first. @throws {Problem} conflict, or as `decide` */
  async commit<T>(owner: string, decide: Decide<T>): Promise<T> {
    const begun = this.context.beginStage?.('queue');
    const { result, afterwards } = await this.queue.run(owner, () => {
      begun?.();
      return this.attempt(decide);
    });
    if (afterwards) await afterwards().catch(() => undefined);
    return result;
  }

  /**
   * The same, but only once: a repetition gets the outcome of the first request.
   * @throws {Problem} in-progress, idempotency-key-reused
   */
  once<R>(owner: string, request: Repeatable<R>, decide: Decide<R>): Promise<R> {
    const decided = decideOnce(this.context, owner, request, decide);
    return this.exclusively(owner, request.idempotencyKey, () => this.commit(owner, decided));
  }

  /** Changes an existing thing, as a door asks. */
  change<T, R>(owner: string, { answer, once }: Change<T, R>, decide: Decide<T>): Promise<R> {
    const answered = decideAnd(decide, answer);
    return once ? this.once(owner, once, answered) : this.commit(owner, answered);
  }

  /** The id under which `create` will make a thing: the given one, that of an earlier request with the key, or a new one. */
  async idFor(kind: Kind, id: string | undefined, { once }: Pick<Change<unknown, unknown>, 'once'>): Promise<string> {
    const claimed = id === undefined && once ? await claimedId(this.context.store, claimName(kind, once)) : undefined;
    return id ?? claimed ?? this.context.newId(ID_PREFIX[kind]);
  }

  /**
   * Creates a thing under the client's id or a new one. With an idempotency key it first claims the id in a separate record,
   * so that a repetition finds the same id without knowing it.
   */
  async create<T, R>(
    kind: Kind,
    id: string | undefined,
    change: Change<T, R>,
    decide: (id: string) => ReturnType<Decide<T>>,
  ): Promise<R> {
    const { expected, answer, once } = change;
    if (expected) {
      throw new Problem(
        'version-mismatch',
        `This request makes something new, which has no version yet; ${expected.asked}.`,
      );
    }
    const chosen = id ?? this.context.newId(ID_PREFIX[kind]);
    if (!once) return this.change(thingKey(kind, chosen), change, () => decide(chosen));
    const name = claimName(kind, once);
    return this.exclusively(name, once.idempotencyKey, async () => {
      const { store } = this.context;
      const claim = await claimId(this.context, name, chosen, once);
      const owner = thingKey(kind, claim.id);
      const answered = decideAnd(() => decide(claim.id), answer);
      try {
        return await this.commit(owner, decideOnce(this.context, owner, once, answered));
      } catch (error) {
        // A refused request keeps nothing. Keep the claim if the outcome is unknown, for the repetition. Keep it also if an
        // earlier request with this key made the thing and its outcome is no longer kept, since nothing may make the thing twice,
        // and if another process is carrying out the request, since that one needs the claim.
        const refused = error instanceof Problem && error.isRefusal && error.code !== 'in-progress';
        if (refused && (claim.fresh || error.code !== 'already-exists')) await releaseClaim(store, claim, owner, once);
        throw error;
      }
    });
  }

  /**
   * Many changes at once, each on its own: those of one owner in their order. What has its turn is decided and committed together.
   * Resolves when all are settled.
   */
  changeAll<R, I extends OneOfMany<R>>(items: readonly I[], decideAll: DecideAll<R, I>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { client } = this.context.caller();
    const owners = Map.groupBy(items, ({ owner }) => owner);
    let ready: (readonly I[])[] = [];
    /** Whether `ready` begins at once. What waited for its turn may be one of many, so it asks for time. */
    let isFirst = false;
    const run = async () => {
      const changes = ready;
      ready = [];
      const left = await decideTogether(this.context, this.running, changes, decideAll);
      let room = isFirst ? MOST_ALONE : 0;
      isFirst = false;
      for (let k = 0; k < changes.length; k++) {
        const [{ owner }] = changes[k];
        const { alone, rest } = left[k];
        if (alone.length === 0) {
          goOn(owner, rest);
          continue;
        }
        if (room === 0) {
          await turnWithTime(client);
          room = MOST_ALONE;
        }
        room--;
        void makeAlone(alone).then(() => goOn(owner, rest));
      }
    };
    // Turns that begin at once go together.
    const begin = (own: readonly I[]) => ready.push(own) === 1 && queueMicrotask(run);
    const makeAlone = async (alone: readonly I[]) => {
      for (const [k, item] of alone.entries()) {
        // Many may do no more than look something up, and would all end in one turn of the event loop.
        if (k > 0) await turnWithTime(client);
        await within(item, () => this.alone(item));
      }
    };
    const goOn = (owner: string, rest: readonly I[]) => {
      if (rest.length > 0) {
        begin(rest);
        return;
      }
      this.queue.leave(owner);
      owners.delete(owner);
      if (owners.size === 0) resolve();
    };
    for (const [owner, own] of owners) this.queue.enter(owner, () => begin(own));
    isFirst = ready.length > 0;
    if (owners.size === 0) resolve();
    return promise;
  }

  /** Makes and settles a change whose turn it is. */
  private async alone<R>(item: OneOfMany<R>): Promise<void> {
    const { owner, once } = item;
    const decide = () => item.decide();
    const act = async (decided: Decide<R>) => {
      const { result, afterwards } = await this.attempt(decided);
      if (afterwards) await afterwards().catch(() => undefined);
      return result;
    };
    const acted = once
      ? this.exclusively(owner, once.idempotencyKey, () => act(decideOnce(this.context, owner, once, decide)))
      : act(decide);
    settle(item, await acted.catch((error: Error) => error));
  }

  private async attempt<T>(decide: Decide<T>): Promise<Decision<T>> {
    const { store, backoff, caller } = this.context;
    for (let tries = 0; tries < MAX_ATTEMPTS; tries++) {
      const decision = await decide();
      if (!decision) continue;
      const { writes } = decision;
      const pause = breathe(writes);
      if (pause) {
        if (tries === 0) caller().hold(bytesOfWrites(writes));
        await pause;
      }
      if (writes.length === 0 || (await store.commit(writes)) === 'committed') return decision;
      await backoff(tries);
    }
    throw new Problem('conflict', `The change was tried ${MAX_ATTEMPTS} times, and another one came first each time.`);
  }

  /** Runs the task unless a request with the same key is running. */
  private async exclusively<R>(scope: string, idempotencyKey: string, act: () => Promise<R>): Promise<R> {
    const end = this.running.begin(scope, idempotencyKey);
    try {
      return await act();
    } finally {
      end();
    }
  }
}

function within<T>({ within: doWithin }: Pick<OneOfMany<unknown>, 'within'>, work: () => T): T {
  return doWithin ? doWithin(work) : work();
}

const MAX_BACKOFF_MS = 50;

/** Waits a random time that grows with the tries, so that racing processes drift apart. */
export const randomBackoff: Backoff = (tries) => delay(Math.random() * Math.min(MAX_BACKOFF_MS, 2 ** tries));
