import { setImmediate as nextTurn } from 'node:timers/promises';
import { LONG_BYTES } from '../domain/bytes.ts';
import type {
  CommitEnd,
  CommitOutcome,
  CountedStore,
  Hold,
  StoredEntry,
  StoredValue,
  StoreWrite,
} from '../domain/ports.ts';
import { checkCommit } from '../domain/store-keys.ts';
import { NO_USAGE, type StoredUsage } from '../domain/usage.ts';
import { CopiedValue } from './record.ts';
import { SortedKeys } from './sorted-keys.ts';
import { UsageTally } from './usage-tally.ts';

/** A write with a copy of its bytes. */
interface OwnWrite extends StoreWrite {
  readonly bytes?: Uint8Array;
}

/**
 * A store that exists only as long as the process. Under races it behaves like the durable ones: a commit takes effect in a
 * later turn of the event loop, in the order of the calls, and is not visible before that.
 */
export function openMemoryStore(): CountedStore {
  const values = new Map<string, StoredValue>();
  /** Commits of this turn. */
  let waiting: (() => void)[] = [];
  let underWay = Promise.resolve();
  const keys = new SortedKeys();
  const usages = new Map<string, StoredUsage>();
  let commits = 0;
  let closed = false;

  function apply(writes: readonly OwnWrite[], tally: UsageTally): CommitOutcome {
    for (const { key, expect } of writes) {
      if (expect !== undefined && (values.get(key)?.revision ?? null) !== expect) return 'conflict';
    }
    commits += 1;
    const revision = String(commits);
    for (const { key, bytes, delete: deletes } of writes) {
      if (bytes === undefined && !deletes) continue;
      tally.add(key, values.get(key)?.bytes.length, bytes?.length);
      if (bytes !== undefined) {
        if (!values.has(key)) keys.add(key);
        values.set(key, { revision, bytes });
      } else if (values.delete(key)) {
        keys.delete(key);
      }
    }
    return 'committed';
  }

  function applyAll(commits: readonly (readonly OwnWrite[])[]): CommitOutcome[] {
    const tally = new UsageTally();
    const outcomes = commits.map((writes) => apply(writes, tally));
    for (const [tenant, usage] of tally.over((tenant) => usages.get(tenant))) usages.set(tenant, usage);
    return outcomes;
  }

  function applyWaiting(): void {
    const commits = waiting;
    waiting = [];
    for (const commit of commits) commit();
  }

  /** In a later turn of the event loop. */
  function later<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => {
      if (waiting.push(() => resolve(work())) === 1) underWay = nextTurn().then(applyWaiting);
    });
  }

  /** Not async: a promise in a promise takes three turns more. */
  function commit(writes: readonly StoreWrite[]): Promise<CommitOutcome> {
    try {
      requireOpen();
      checkCommit(writes);
    } catch (error) {
      return Promise.reject(error);
    }
    const copies = copiesOf(writes);
    return later(() => applyAll([copies])[0]);
  }

  function find(key: string, hold?: Hold): StoredValue | undefined {
    const kept = values.get(key);
    if (kept && kept.bytes.length > LONG_BYTES) hold?.(kept.bytes.length);
    return kept && new CopiedValue(kept.revision, kept.bytes);
  }

  function requireOpen(): void {
    if (closed) throw new Error('store is closed');
  }

  return {
    async get(key, hold) {
      requireOpen();
      return find(key, hold);
    },

    commit,

    async getAll(keys, hold) {
      requireOpen();
      return keys.map((key) => find(key, hold));
    },

    async commitAll(commits): Promise<CommitEnd[]> {
      requireOpen();
      for (const writes of commits) checkCommit(writes);
      const copies = commits.map(copiesOf);
      return later(() => applyAll(copies));
    },

    async list(prefix, after, limit, maxBytes = Number.POSITIVE_INFINITY) {
      requireOpen();
      const entries: StoredEntry[] = [];
      let size = 0;
      for (const key of keys.from(after !== undefined && after > prefix ? after : prefix)) {
        if (entries.length >= limit || size >= maxBytes || !key.startsWith(prefix)) break;
        if (after !== undefined && key <= after) continue;
        const { revision, bytes } = values.get(key)!;
        entries.push({ key, revision, bytes: new Uint8Array(bytes) });
        size += bytes.length;
      }
      return entries;
    },

    async check() {
      requireOpen();
    },

    async usageOf(tenant) {
      requireOpen();
      return usages.get(tenant) ?? NO_USAGE;
    },

    async usages() {
      requireOpen();
      return new Map([...usages].filter(([, { keys }]) => keys > 0));
    },

    async freeBytes() {
      return undefined;
    },

    async close() {
      closed = true;
      await underWay;
    },
  };
}

function copiesOf(writes: readonly StoreWrite[]): OwnWrite[] {
  return writes.map(({ key, expect, bytes, delete: deletes }) => ({
    key,
    expect,
    bytes: bytes && new Uint8Array(bytes.subarray()),
    delete: deletes,
  }));
}
