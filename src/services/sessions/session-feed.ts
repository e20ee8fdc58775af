import type { Bus, CommitOutcome, Store, StoreWrite } from '../../domain/ports.ts';
import { commitAll, getAll } from '../../domain/store-calls.ts';
import { sessionKey } from '../keys.ts';
import { FeedLink } from './feed-link.ts';
import { decodeSession, type SessionContent } from './session-bytes.ts';
import { type SessionChange, SessionSubscription } from './session-subscription.ts';

/** The key of a session, of any tenant. */
const SESSION_KEY = new RegExp(`^(@[^/]+/)?${sessionKey('')}[^/]+$`);

/** A committed record of a session, or null if it ended. */
interface Heard {
  /** The key of the session in the store. */
  readonly key: string;
  readonly bytes: Uint8Array | null;
}

/** The session when listening began, and a function that ends it. */
interface Subscribed {
  readonly now: SessionContent;
  stop(): void;
}

export interface TenantFeed {
  /**
   * Listens to a session from the state that `read` returns.
   * @throws {Problem} what `read` throws
   */
  subscribe(
    id: string,
    read: () => Promise<SessionContent>,
    listener: (change: SessionChange) => void,
  ): Promise<Subscribed>;
}

/**
 * Reports each committed change of a session to its listeners, no matter which process made it. Each process watches its own
 * commits and tells the others over the bus what they listen to.
 */
export class SessionFeed {
  private readonly store: Store;
  private readonly subscriptions = new Map<string, Set<SessionSubscription>>();
  private readonly link: FeedLink | undefined;
  /** The same store, which reports the changes made through it. */
  readonly watched: Store;

  constructor(store: Store, bus?: Bus) {
    this.store = store;
    this.watched = {
      ...bound(store),
      commit: (writes) => this.commit(writes),
      commitAll: (commits) => this.commitAll(commits),
    };
    this.link =
      bus && new FeedLink(bus, { heard: (key, bytes) => this.tell(key, bytes), check: (key) => this.check(key) });
  }

  /** The sessions of one tenant; their keys begin with `prefix`. */
  of(prefix: string): TenantFeed {
    return { subscribe: (id, read, listener) => this.subscribe(`${prefix}${sessionKey(id)}`, read, listener) };
  }

  async close(): Promise<void> {
    await this.link?.close();
  }

  private async subscribe(
    key: string,
    read: () => Promise<SessionContent>,
    listener: (change: SessionChange) => void,
  ): Promise<Subscribed> {
    const subscription = new SessionSubscription(listener);
    const all = this.subscriptions.get(key) ?? new Set();
    this.subscriptions.set(key, all.add(subscription));
    const stop = () => {
      subscription.stop();
      all.delete(subscription);
      if (all.size > 0 || this.subscriptions.get(key) !== all) return;
      this.subscriptions.delete(key);
      this.link?.forget(key);
    };
    try {
      // From now on others report their commits, so the state that is read next is followed by their reports.
      await this.link?.ask(key);
      const now = await read();
      subscription.start(now);
      return { now, stop };
    } catch (error) {
      stop();
      throw error;
    }
  }

  private commit(writes: readonly StoreWrite[]): Promise<CommitOutcome> {
    return this.isHeard ? this.commitAndTell(writes) : this.store.commit(writes);
  }

  private async commitAndTell(writes: readonly StoreWrite[]): Promise<CommitOutcome> {
    const heard = this.heardOf(writes);
    const outcome = await this.store.commit(writes);
    if (outcome === 'committed') this.tellAll(heard);
    return outcome;
  }

  private async commitAll(commits: readonly (readonly StoreWrite[])[]) {
    const heard = this.isHeard ? commits.map((writes) => this.heardOf(writes)) : [];
    const ends = await commitAll(this.store, commits);
    for (const [k, changes] of heard.entries()) if (ends[k] === 'committed') this.tellAll(changes);
    return ends;
  }

  /** Whether anybody listens to anything. */
  private get isHeard(): boolean {
    return this.subscriptions.size > 0 || this.link?.isAsked === true;
  }

  private tellAll(heard: readonly Heard[]): void {
    for (const { key, bytes } of heard) {
      this.tell(key, bytes);
      this.link?.tell(key, bytes);
    }
  }

  /** The changes that somebody listens to, copied, because the writer may reuse its bytes. */
  private heardOf(writes: readonly StoreWrite[]): Heard[] {
    return writes.flatMap(({ key, bytes, delete: deletes, passed = [] }) => {
      if (!SESSION_KEY.test(key) || (bytes === undefined && !deletes)) return [];
      if (!this.subscriptions.has(key) && !this.link?.asksFor(key)) return [];
      const values = [...passed, bytes ?? null];
      return values.map((value) => ({ key, bytes: value && new Uint8Array(value.subarray()) }));
    });
  }

  private tell(key: string, bytes: Uint8Array | null): void {
    const listening = this.subscriptions.get(key);
    if (!listening) return;
    /** Decoded once: what is made of it for one listener can then be for all. */
    let session: SessionContent | null | undefined;
    for (const subscription of listening) {
      try {
        session ??= bytes && decodeSession(bytes);
        subscription.take(session);
      } catch {
        // A failing listener does not change a commit.
        subscription.stop();
      }
    }
  }

  /** If a message was lost, its change is found in the store. */
  private async check(key: string): Promise<void> {
    const stored = await this.store.get(key);
    this.tell(key, stored ? stored.bytes : null);
  }
}

function bound(store: Store): Omit<Store, 'commit' | 'commitAll'> {
  return {
    get: (key) => store.get(key),
    getAll: (keys) => getAll(store, keys),
    list: (prefix, after, limit, maxBytes) => store.list(prefix, after, limit, maxBytes),
    check: () => store.check(),
    close: () => store.close(),
  };
}
