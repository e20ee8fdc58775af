import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Bytes, copySlices, LONG_BYTES } from '../domain/bytes.ts';
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
import { inTurns } from '../threads/in-turns.ts';
import { CopiedValue } from './record.ts';
import { SortedKeys } from './sorted-keys.ts';
import { UsageTally } from './usage-tally.ts';

/** A write whose bytes stay as they are until it is applied. */
interface SteadyWrite extends Omit<StoreWrite, 'bytes'> {
  readonly bytes?: Uint8Array;
  /** Whether the bytes are a copy, which the store may keep. */
  readonly own: boolean;
}

interface Kept {
  revision: string;
  bytes: Uint8Array;
  /** A reader may still copy the bytes, so the next value takes their place instead of being written over them. */
  lent: boolean;
}

/**
 * A store that exists only as long as the process. Under races it behaves like the durable ones: a commit takes effect in a
 * later turn of the event loop, in the order of the calls, and is not visible before that. Long values are copied a part in each turn, so
 * a commit of one takes effect after shorter ones.
 */
export function openMemoryStore(): CountedStore {
  const values = new Map<string, Kept>();
  /** Commits of this turn. */
  let waiting: (() => void)[] = [];
  let underWay = Promise.resolve();
  const keys = new SortedKeys();
  const usages = new Map<string, StoredUsage>();
  let commits = 0;
  let closed = false;

  function apply(writes: readonly SteadyWrite[], tally: UsageTally): CommitOutcome {
    for (const { key, expect } of writes) {
      if (expect !== undefined && (values.get(key)?.revision ?? null) !== expect) return 'conflict';
    }
    commits += 1;
    const revision = String(commits);
    for (const one of writes) {
      const { key, bytes, delete: deletes } = one;
      if (bytes === undefined && !deletes) continue;
      const kept = values.get(key);
      tally.add(key, kept?.bytes.length, bytes?.length);
      if (bytes !== undefined) write(one, bytes, kept, revision);
      else if (values.delete(key)) keys.delete(key);
    }
    return 'committed';
  }

  function write({ key, own }: SteadyWrite, bytes: Uint8Array, kept: Kept | undefined, revision: string): void {
    if (kept && !kept.lent && kept.bytes.length === bytes.length && bytes.length <= LONG_BYTES) {
      // Most values keep their length, and a new buffer takes as long as a step.
      kept.bytes.set(bytes);
      kept.revision = revision;
      return;
    }
    if (!kept) keys.add(key);
    values.set(key, { revision, bytes: own ? bytes : new Uint8Array(bytes), lent: false });
  }

  function applyAll(commits: readonly (readonly SteadyWrite[])[]): CommitOutcome[] {
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
    if (writes.some(isLong)) return commitLong(writes);
    const copies = writes.map(copyOf);
    return later(() => applyAll([copies])[0]);
  }

  async function commitLong(writes: readonly StoreWrite[]): Promise<CommitOutcome> {
    const copies = await copiesOf(writes);
    return later(() => applyAll([copies])[0]);
  }

  /** A long value for readers. */
  async function longValue(kept: Kept): Promise<StoredValue> {
    kept.lent = true;
    const { revision, bytes } = kept;
    return { revision, bytes: await inTurns(copyOfLong(bytes)) };
  }

  function find(key: string, hold?: Hold): Kept | undefined {
    const kept = values.get(key);
    if (kept && kept.bytes.length > LONG_BYTES) hold?.(kept.bytes.length);
    return kept;
  }

  function requireOpen(): void {
    if (closed) throw new Error('store is closed');
  }

  return {
    async get(key, hold) {
      requireOpen();
      const kept = find(key, hold);
      if (!kept) return undefined;
      if (kept.bytes.length > LONG_BYTES) return longValue(kept);
      kept.lent = true;
      return new CopiedValue(kept.revision, kept.bytes);
    },

    commit,

    async getAll(keys, hold) {
      requireOpen();
      const all = keys.map((key) => {
        const kept = find(key, hold);
        if (!kept) return undefined;
        return kept.bytes.length > LONG_BYTES ? longValue(kept) : new CopiedValue(kept.revision, kept.bytes);
      });
      return Promise.all(all);
    },

    async commitAll(commits): Promise<CommitEnd[]> {
      requireOpen();
      for (const writes of commits) checkCommit(writes);
      const steady = commits.some((writes) => writes.some(isLong))
        ? await Promise.all(commits.map(copiesOf))
        : commits.map((writes) => writes.map(steadyWrite));
      return later(() => applyAll(steady));
    },

    async list(prefix, after, limit, maxBytes = Number.POSITIVE_INFINITY) {
      requireOpen();
      const entries: (StoredEntry | Promise<StoredEntry>)[] = [];
      let size = 0;
      for (const key of keys.from(after !== undefined && after > prefix ? after : prefix)) {
        if (entries.length >= limit || size >= maxBytes || !key.startsWith(prefix)) break;
        if (after !== undefined && key <= after) continue;
        const kept = values.get(key)!;
        const { revision, bytes } = kept;
        entries.push(
          bytes.length > LONG_BYTES
            ? longValue(kept).then((value) => ({ key, ...value }))
            : { key, revision, bytes: new Uint8Array(bytes) },
        );
        size += bytes.length;
      }
      return Promise.all(entries);
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

function isLong({ bytes }: StoreWrite): boolean {
  return bytes !== undefined && bytes.length > LONG_BYTES;
}

/** Long values are copied a part in each turn, and stay as they are meanwhile; the others may be changed at once. */
function copiesOf(writes: readonly StoreWrite[]): Promise<SteadyWrite[]> {
  return Promise.all(writes.map((write) => (isLong(write) ? copyInTurns(write) : copyOf(write))));
}

async function copyInTurns({ key, expect, bytes = new Uint8Array(0) }: StoreWrite): Promise<SteadyWrite> {
  return { key, expect, bytes: await inTurns(copyOfLong(bytes)), own: true };
}

function copyOfLong(bytes: Bytes): Generator<void, Uint8Array> {
  return copySlices(bytes, new Uint8Array(bytes.length));
}

function copyOf({ key, expect, bytes, delete: deletes }: StoreWrite): SteadyWrite {
  return { key, expect, bytes: bytes && new Uint8Array(bytes.subarray()), own: true, delete: deletes };
}

function steadyWrite({ key, expect, bytes, delete: deletes }: StoreWrite): SteadyWrite {
  // A view of a view is another object for each write.
  return { key, expect, bytes: bytes instanceof Uint8Array ? bytes : bytes?.subarray(), own: false, delete: deletes };
}
