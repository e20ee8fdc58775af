import { askedFor, type IfMatch } from '../../domain/conditions.ts';
import type { Store, StoreWrite } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { decodeRecord, encodeRecord } from '../../domain/record.ts';
import type { Context } from '../context.ts';
import { dueWrite, noteDue } from '../expiry/due.ts';
import { digest, KEPT_MS, type KeptKey, type KeptKeys, keepKey, keysOf, readKeys, replyOf } from './kept-keys.ts';
import { decodeReply, encodeReply, type Reply } from './kept-reply.ts';
import { Queue } from './queue.ts';

/** How a request asks for a change: what it expects, how it may be repeated, and how its result becomes a reply. */
export interface Mutation<T> {
  readonly idempotencyKey?: string;
  /** Digest of method, path and body; a key belongs to one of these. */
  readonly fingerprint?: string;
  readonly ifMatch?: IfMatch;
  /** Called before the commit, so that a reply cannot fail after it. */
  readonly render: (result: T) => Reply;
}

/** What a change writes, all of it of one owner, and its result. Without writes there is nothing to commit. */
export interface Decision<T> {
  readonly writes: readonly StoreWrite[];
  readonly result: T;
}

const MAX_ATTEMPTS = 100;
/** Where the ids are that creating requests with a key have been given. */
export const CLAIM = 'claim/';

/** The id that a creating request with a key is for. */
interface Claim {
  readonly id: string;
  readonly fresh: boolean;
  /** When the claim is looked at. */
  readonly dueKey: string;
}

/** Makes changes: exactly once for each Idempotency-Key, one at a time for each owner, whole or not at all. */
export class Changer {
  private readonly store: Store;
  private readonly clock: Context['clock'];
  private readonly newId: Context['newId'];
  private readonly backoff: Context['backoff'];
  private readonly queue = new Queue();
  private readonly running = new Set<string>();

  constructor(context: Pick<Context, 'store' | 'clock' | 'newId' | 'backoff'>) {
    this.store = context.store;
    this.clock = context.clock;
    this.newId = context.newId;
    this.backoff = context.backoff;
  }

  /**
   * Reads and decides by `attempt`, then commits; starts over when another writer came between.
   * `owner` is `kind/id`; `attempt` may throw a Problem, which keeps nothing.
   */
  change<T>(owner: string, mutation: Mutation<T>, attempt: () => Promise<Decision<T>>): Promise<Reply> {
    const task = () => this.queue.run(owner, () => this.apply(owner, mutation, attempt));
    return mutation.idempotencyKey === undefined ? task() : this.exclusively(owner, mutation.idempotencyKey, task);
  }

  /**
   * Creates a thing under the client's id or a fresh one. With an Idempotency-Key the id is claimed first, in a record of
   * its own, so that a retry that does not know the id finds the same one.
   */
  async create<T>(
    kind: string,
    id: string | undefined,
    mutation: Mutation<T>,
    attempt: (id: string) => Promise<Decision<T>>,
  ): Promise<Reply> {
    if (mutation.ifMatch !== undefined) {
      const detail = `What is made by this request has no version yet; ${askedFor(mutation.ifMatch)}.`;
      throw new Problem('version-mismatch', detail);
    }
    const prefix = ID_PREFIX[kind] ?? kind;
    if (mutation.idempotencyKey === undefined) {
      const chosen = id ?? this.newId(prefix);
      return this.change(`${kind}/${chosen}`, mutation, () => attempt(chosen));
    }
    const claimKey = `${CLAIM}${kind}-${digest(mutation.idempotencyKey)}`;
    return this.exclusively(claimKey, mutation.idempotencyKey, async () => {
      const claim = await this.claim(claimKey, id ?? this.newId(prefix), mutation.fingerprint ?? '');
      const owner = `${kind}/${claim.id}`;
      try {
        return await this.queue.run(owner, () => this.apply(owner, mutation, () => attempt(claim.id)));
      } catch (error) {
        // A refused request keeps nothing. An unknown outcome keeps the claim, for the retry; so does a thing that an
        // earlier request with this key has made, though its reply is no longer kept: it must not be made twice.
        const made = error instanceof Problem && error.code === 'already-exists' && !claim.fresh;
        if (error instanceof Problem && error.status < 500 && !made)
          await this.release(claimKey, claim, owner, mutation);
        throw error;
      }
    });
  }

  /** Unless a request with the same key is running. */
  private async exclusively(scope: string, idempotencyKey: string, task: () => Promise<Reply>): Promise<Reply> {
    const name = `${scope} ${idempotencyKey}`;
    if (this.running.has(name)) {
      const detail = `A request with Idempotency-Key '${idempotencyKey}' is still running.`;
      throw new Problem('in-progress', detail, { headers: { 'retry-after': '1' } });
    }
    this.running.add(name);
    try {
      return await task();
    } finally {
      this.running.delete(name);
    }
  }

  private async apply<T>(owner: string, mutation: Mutation<T>, attempt: () => Promise<Decision<T>>): Promise<Reply> {
    for (let tries = 0; tries < MAX_ATTEMPTS; tries++) {
      const kept = mutation.idempotencyKey === undefined ? undefined : await readKeys(this.store, owner);
      const replay = kept && (await this.replay(owner, mutation, kept.keys));
      if (replay) {
        // The first commit may have failed after it was made, as one does that too few replicas of the store have.
        if ((await this.store.commit([{ key: keysOf(owner), expect: kept.revision }])) === 'committed') return replay;
        continue;
      }
      const decision = await (kept ? attempt().catch((error: unknown) => this.refused(owner, kept, error)) : attempt());
      if (!decision) continue;
      const { writes, result } = decision;
      const reply = mutation.render(result);
      if (writes.length === 0 && !kept) return reply;
      if (kept) await this.noteKeys(owner, kept);
      const outcome = await this.store.commit(kept ? [...writes, ...this.keep(owner, mutation, kept, reply)] : writes);
      if (outcome === 'committed') return reply;
      await this.backoff(tries);
    }
    throw new Problem('conflict', `The change was tried ${MAX_ATTEMPTS} times, and another one came first each time.`);
  }

  /**
   * A refusal may be for what the same request has done by another process just now, which its kept reply answers then:
   * undefined, to start over, where other keys are kept by now; else the refusal stands.
   */
  private async refused(owner: string, kept: KeptKeys, refusal: unknown): Promise<undefined> {
    if ((await readKeys(this.store, owner)).revision !== kept.revision) return undefined;
    throw refusal;
  }

  private async replay<T>(owner: string, mutation: Mutation<T>, keys: readonly KeptKey[]): Promise<Reply | undefined> {
    const { idempotencyKey, fingerprint } = mutation;
    const kept = keys.find(({ key }) => key === idempotencyKey);
    if (!kept) return undefined;
    if (kept.fingerprint !== fingerprint) throw keyReused(idempotencyKey);
    const stored = await this.store.get(replyOf(owner, kept.key));
    if (!stored) return undefined;
    const reply = decodeReply(stored.bytes);
    return { ...reply, headers: { ...reply.headers, 'idempotency-replayed': 'true' } };
  }

  /** The writes that keep a reply beside the change that it answers. */
  private keep<T>(owner: string, mutation: Mutation<T>, kept: KeptKeys, reply: Reply): StoreWrite[] {
    const { idempotencyKey: key = '', fingerprint = '' } = mutation;
    return [
      ...keepKey(owner, kept, { key, fingerprint, at: this.clock() }),
      { key: replyOf(owner, key), bytes: encodeReply(reply) },
    ];
  }

  /** A session is looked at in any case; anything else only where it has keys. */
  private async noteKeys(owner: string, { revision }: KeptKeys): Promise<void> {
    if (revision !== null || owner.startsWith('session/')) return;
    await noteDue(this.store, this.clock() + KEPT_MS, { kind: 'keys', owner });
  }

  /** The id that the claim is for, and whether this request made the claim. */
  private async claim(claimKey: string, id: string, fingerprint: string): Promise<Claim> {
    const now = this.clock();
    const bytes = encodeRecord({ fields: { id, fingerprint, at: now }, tensors: {} });
    const due = dueWrite(now + KEPT_MS, { kind: 'claim', id: claimKey.slice(CLAIM.length) });
    const [outcome] = await Promise.all([
      this.store.commit([{ key: claimKey, expect: null, bytes }]),
      this.store.commit([due]),
    ]);
    if (outcome === 'committed') return { id, fresh: true, dueKey: due.key };
    const stored = await this.store.get(claimKey);
    if (!stored) return this.claim(claimKey, id, fingerprint);
    const { fields } = decodeRecord<{ id: string; fingerprint: string }>(stored.bytes);
    if (fields.fingerprint !== fingerprint) throw keyReused(undefined);
    return { id: fields.id, fresh: false, dueKey: due.key };
  }

  /**
   * Unless the same request was carried out in the meantime. The thing may keep the key for another request: then nothing
   * can have been made under a claim that is fresh.
   */
  private async release(
    claimKey: string,
    { dueKey, fresh }: Claim,
    owner: string,
    { idempotencyKey, fingerprint = '' }: Pick<Mutation<unknown>, 'idempotencyKey' | 'fingerprint'>,
  ): Promise<void> {
    const { keys } = await readKeys(this.store, owner);
    if (keys.some((kept) => kept.key === idempotencyKey && !(fresh && kept.fingerprint !== fingerprint))) return;
    await this.store.commit([{ key: claimKey, delete: true }]);
    await this.store.commit([{ key: dueKey, delete: true }]);
  }
}

const ID_PREFIX: Readonly<Record<string, string>> = {
  cell: 'cell',
  session: 'ses',
  variable: 'var',
  checkpoint: 'ckp',
};

function keyReused(idempotencyKey: string | undefined): Problem {
  const which = idempotencyKey === undefined ? 'This Idempotency-Key' : `Idempotency-Key '${idempotencyKey}'`;
  return new Problem('idempotency-key-reused', `${which} was first used with another method, path or body.`);
}
