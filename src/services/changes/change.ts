import { setTimeout as delay } from 'node:timers/promises';
import type { ExpectedVersion } from '../../domain/conditions.ts';
import type { Backoff } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { type Kind, thingKey } from '../keys.ts';
import type { Ports } from '../ports.ts';
import { claimId, claimName, releaseClaim } from './claims.ts';
import { type Decide, type Decision, decideAnd } from './decision.ts';
import { decideOnce, type Repeatable } from './once.ts';
import { Queue } from './queue.ts';

/** How a door asks for a change whose result is a `T`, and answers it by an `R`. */
export interface Change<T, R> {
  readonly expected?: ExpectedVersion;
  /** Called before the commit, so that an answer cannot fail after it. */
  readonly answer: (result: T) => R;
  /** Left out: a repetition is another request. */
  readonly once?: Repeatable<R>;
}

type Needs = Pick<Ports, 'store' | 'clock' | 'newId' | 'backoff' | 'limits'>;

const MAX_ATTEMPTS = 100;
const ID_PREFIX: Readonly<Record<Kind, string>> = {
  cell: 'cell',
  session: 'ses',
  variable: 'var',
  checkpoint: 'ckp',
};

/** Makes changes: one at a time for each owner (the key of a thing), whole or not at all, once for each idempotency key. */
export class Changer {
  private readonly context: Needs;
  private readonly queue = new Queue();
  private readonly running = new Set<string>();

  constructor(context: Needs) {
    this.context = context;
  }

  /** Decides and commits; decides again where another writer came between. @throws {Problem} conflict, or as `decide` */
  async commit<T>(owner: string, decide: Decide<T>): Promise<T> {
    const { result, afterwards } = await this.queue.run(owner, () => this.attempt(decide));
    await afterwards?.().catch(() => undefined);
    return result;
  }

  /**
   * The same, once: a repetition is answered by the outcome of the first request.
   * @throws {Problem} in-progress, idempotency-key-reused
   */
  once<R>(owner: string, request: Repeatable<R>, decide: Decide<R>): Promise<R> {
    const decided = decideOnce(this.context, owner, request, decide);
    return this.exclusively(owner, request.idempotencyKey, () => this.commit(owner, decided));
  }

  /** Changes what there is, as a door asks. */
  change<T, R>(owner: string, { answer, once }: Change<T, R>, decide: Decide<T>): Promise<R> {
    const answered = decideAnd(decide, answer);
    return once ? this.once(owner, once, answered) : this.commit(owner, answered);
  }

  /**
   * Creates a thing under the client's id or a fresh one. With an idempotency key the id is claimed first, in a record of
   * its own, so that a repetition that does not know the id finds the same one.
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
        // A refused request keeps nothing. An unknown outcome keeps the claim, for the repetition; so does a thing that an
        // earlier request with this key has made, though its outcome is no longer kept: it must not be made twice.
        const refused = error instanceof Problem && error.isRefusal;
        if (refused && (claim.fresh || error.code !== 'already-exists')) await releaseClaim(store, claim, owner, once);
        throw error;
      }
    });
  }

  private async attempt<T>(decide: Decide<T>): Promise<Decision<T>> {
    const { store, backoff } = this.context;
    for (let tries = 0; tries < MAX_ATTEMPTS; tries++) {
      const decision = await decide();
      if (!decision) continue;
      const { writes } = decision;
      if (writes.length === 0 || (await store.commit(writes)) === 'committed') return decision;
      await backoff(tries);
    }
    throw new Problem('conflict', `The change was tried ${MAX_ATTEMPTS} times, and another one came first each time.`);
  }

  /** Unless a request with the same key is running. */
  private async exclusively<R>(scope: string, idempotencyKey: string, act: () => Promise<R>): Promise<R> {
    const name = `${scope} ${idempotencyKey}`;
    if (this.running.has(name)) {
      const detail = `A request with idempotency key '${idempotencyKey}' is still running.`;
      throw new Problem('in-progress', detail, { retryAfterSeconds: 1 });
    }
    this.running.add(name);
    try {
      return await act();
    } finally {
      this.running.delete(name);
    }
  }
}

const MAX_BACKOFF_MS = 50;

/** Waits a random while that grows with the tries, so that racing processes drift apart. */
export const randomBackoff: Backoff = (tries) => delay(Math.random() * Math.min(MAX_BACKOFF_MS, 2 ** tries));
