import { createHash } from 'node:crypto';
import type { Store, StoreWrite } from '../domain/ports.ts';
import { Problem } from '../domain/problems.ts';
import { decodeRecord, encodeRecord } from '../domain/record.ts';
import type { Context } from './context.ts';
import { decodeReply, encodeReply, type Reply } from './kept-reply.ts';
import { Queue } from './queue.ts';

/** How a request asks for a change: what it expects, how it may be repeated, and how its result becomes a reply. */
export interface Mutation<T> {
  readonly idempotencyKey?: string;
  /** Digest of method, path and body; a key belongs to one of these. */
  readonly fingerprint?: string;
  /** The version that If-Match asks for. */
  readonly ifMatch?: number;
  /** Called before the commit, so that a reply cannot fail after it. */
  readonly render: (result: T) => Reply;
}

/** What a change writes, all of it of one owner, and its result. Without writes there is nothing to commit. */
export interface Decision<T> {
  readonly writes: readonly StoreWrite[];
  readonly result: T;
}

/** Keys kept for each owner; the oldest goes first. */
const KEPT_KEYS = 16;
const MAX_ATTEMPTS = 100;

interface KeptKey {
  readonly key: string;
  readonly fingerprint: string;
  readonly at: number;
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
    return this.exclusively(owner, mutation, () => this.queue.run(owner, () => this.apply(owner, mutation, attempt)));
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
      const detail = `What is made by this request has no version yet; If-Match asks for "${mutation.ifMatch}".`;
      throw new Problem('version-mismatch', detail);
    }
    const prefix = ID_PREFIX[kind] ?? kind;
    if (mutation.idempotencyKey === undefined) {
      const chosen = id ?? this.newId(prefix);
      return this.change(`${kind}/${chosen}`, mutation, () => attempt(chosen));
    }
    const claimKey = `claim/${kind}-${digest(mutation.idempotencyKey)}`;
    return this.exclusively(claimKey, mutation, async () => {
      const claim = await this.claim(claimKey, id ?? this.newId(prefix), mutation.fingerprint ?? '');
      const owner = `${kind}/${claim.id}`;
      try {
        return await this.queue.run(owner, () => this.apply(owner, mutation, () => attempt(claim.id)));
      } catch (error) {
        // A refused request keeps nothing. An unknown outcome keeps the claim, for the retry; so does a thing that an
        // earlier request with this key has made, though its reply is no longer kept: it must not be made twice.
        const made = error instanceof Problem && error.code === 'already-exists' && !claim.fresh;
        if (error instanceof Problem && error.status < 500 && !made)
          await this.release(claimKey, owner, mutation.idempotencyKey ?? '');
        throw error;
      }
    });
  }

  private async exclusively<T>(
    scope: string,
    { idempotencyKey }: Mutation<T>,
    task: () => Promise<Reply>,
  ): Promise<Reply> {
    if (idempotencyKey === undefined) return task();
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
      const kept = mutation.idempotencyKey === undefined ? undefined : await this.keptKeys(owner);
      const replay = kept && (await this.replay(owner, mutation, kept.keys));
      if (replay) {
        // The first commit may have failed after it was made, as one does that too few replicas of the store have.
        if ((await this.store.commit([{ key: keysOf(owner), expect: kept.revision }])) === 'committed') return replay;
        continue;
      }
      const decision = await attempt().catch((error: unknown) => this.refused(owner, kept, error));
      if (!decision) continue;
      const { writes, result } = decision;
      const reply = mutation.render(result);
      if (writes.length === 0 && !kept) return reply;
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
  private async refused(
    owner: string,
    kept: { readonly revision: string | null } | undefined,
    refusal: unknown,
  ): Promise<undefined> {
    if (kept && (await this.keptKeys(owner)).revision !== kept.revision) return undefined;
    throw refusal;
  }

  private async keptKeys(owner: string): Promise<{ revision: string | null; keys: readonly KeptKey[] }> {
    const stored = await this.store.get(keysOf(owner));
    if (!stored) return { revision: null, keys: [] };
    return { revision: stored.revision, keys: decodeRecord<{ keys: KeptKey[] }>(stored.bytes).fields.keys };
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

  /** The writes that keep a reply beside the change that it answers, and let go of the oldest one. */
  private keep<T>(
    owner: string,
    { idempotencyKey = '', fingerprint = '' }: Mutation<T>,
    kept: { revision: string | null; keys: readonly KeptKey[] },
    reply: Reply,
  ): StoreWrite[] {
    const keys = [...kept.keys, { key: idempotencyKey, fingerprint, at: this.clock() }];
    const gone = keys.splice(0, Math.max(0, keys.length - KEPT_KEYS));
    return [
      { key: keysOf(owner), expect: kept.revision, bytes: encodeRecord({ fields: { keys }, tensors: {} }) },
      { key: replyOf(owner, idempotencyKey), bytes: encodeReply(reply) },
      ...gone.map(({ key }) => ({ key: replyOf(owner, key), delete: true as const })),
    ];
  }

  /** The id that the claim is for, and whether this request made the claim. */
  private async claim(claimKey: string, id: string, fingerprint: string): Promise<{ id: string; fresh: boolean }> {
    const bytes = encodeRecord({ fields: { id, fingerprint, at: this.clock() }, tensors: {} });
    if ((await this.store.commit([{ key: claimKey, expect: null, bytes }])) === 'committed') return { id, fresh: true };
    const stored = await this.store.get(claimKey);
    if (!stored) return this.claim(claimKey, id, fingerprint);
    const { fields } = decodeRecord<{ id: string; fingerprint: string }>(stored.bytes);
    if (fields.fingerprint !== fingerprint) throw keyReused(undefined);
    return { id: fields.id, fresh: false };
  }

  private async release(claimKey: string, owner: string, idempotencyKey: string): Promise<void> {
    const { keys } = await this.keptKeys(owner);
    if (!keys.some(({ key }) => key === idempotencyKey)) await this.store.commit([{ key: claimKey, delete: true }]);
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

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function keysOf(owner: string): string {
  return owner.replace('/', '-keys/');
}

function replyOf(owner: string, key: string): string {
  return `${owner.replace('/', '-reply/')}/${digest(key)}`;
}
