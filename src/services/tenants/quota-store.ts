import { ownBytes } from '../../domain/bytes.ts';
import type { CommitOutcome, CountedStore, Store, StoreWrite } from '../../domain/ports.ts';
import type { QuotaName } from '../../domain/quotas.ts';
import { commitAll, eachAlone, getAll } from '../../domain/store-calls.ts';
import { addUsage, type CountedKind, countedKey, countWrite, NO_USAGE, type StoredUsage } from '../../domain/usage.ts';
import { type QuotasOf, quotaExceeded } from './quotas.ts';

/** The tenant of a store, its quotas, and its counters. */
export interface QuotaRules {
  readonly tenant: string;
  readonly quotasOf: QuotasOf;
  readonly counted: Pick<CountedStore, 'usageOf'>;
  readonly now: () => number;
}

const LIMITED: readonly (readonly [QuotaName, CountedKind | 'bytes', string])[] = [
  ['cells', 'cell', 'Delete a cell first.'],
  ['sessions', 'session', 'End a session first.'],
  ['variables', 'variable', 'Delete a variable first.'],
  ['stored_bytes', 'bytes', 'Delete something first.'],
];
/** Bookkeeping is always allowed, so that expired things can be removed. */
const ALWAYS = /^(due|sweep|tenant|probe)\//;
/**
 * A count is used for a second if less than this part of each quota is used and this process has added less than that part
 * since. So ten processes cannot exceed a quota together.
 */
const FAR = 0.9;
const ADDED = 0.01;
const BELIEVED_MS = 1_000;

/**
 * The store of a tenant. It refuses commits that would exceed a quota, but always allows those that make nothing larger.
 * Within one process the limit is exact; several processes may exceed it by their simultaneous commits.
 */
export function storeWithin(store: Store, { tenant, quotasOf, counted, now }: QuotaRules): Store {
  /** The most that running commits can add, and the sum of all ended ones. */
  let pending = NO_USAGE;
  let ended = NO_USAGE;
  let read: { readonly usage: StoredUsage; readonly ended: StoredUsage; readonly at: number } | undefined;
  const underWay = new Set<Promise<unknown>>();

  /** The first quota that the growth would bring over `part` of its limit. A lowered quota refuses only growth. */
  function full(parts: readonly StoredUsage[], growth: StoredUsage, part = 1) {
    const all = parts.reduce(addUsage, growth);
    const quotas = quotasOf(tenant);
    const most = (quota: QuotaName) => part * (quotas[quota] ?? Number.POSITIVE_INFINITY);
    return LIMITED.find(([quota, what]) => growth[what] > 0 && all[what] > most(quota));
  }

  /** The exact growth by the writes, given the current values. */
  async function growthOf(writes: readonly StoreWrite[]): Promise<StoredUsage> {
    let growth = NO_USAGE;
    for (const { key, expect, bytes, delete: deletes } of writes) {
      if (!bytes && !deletes) continue;
      const before = expect === null ? undefined : (await store.get(key))?.bytes.length;
      growth = countWrite(growth, countedKey(key), before, bytes?.length);
    }
    return growth;
  }

  /** Counts the writes as pending once there is room for them. @throws {Problem} quota-exceeded, tenant-full */
  async function reserve(writes: readonly StoreWrite[], most: StoredUsage): Promise<void> {
    while (!isFar(most)) {
      const before = ended;
      const growth = await growthOf(writes);
      const usage = await counted.usageOf(tenant);
      read = { usage, ended: before, at: now() };
      const found = full([usage, less(ended, before), pending], growth);
      if (!found) break;
      // Running and just ended commits may be counted twice.
      if (underWay.size > 0) await Promise.race(underWay);
      else if (ended === before) {
        const [quota, what, how] = found;
        throw quotaExceeded(quota, usage[what], quotasOf(tenant)[quota] ?? 0, how);
      }
    }
    pending = addUsage(pending, most);
  }

  /** Whether the last count shows enough room for these writes. */
  function isFar(most: StoredUsage): boolean {
    if (!read || now() - read.at >= BELIEVED_MS) return false;
    const added = [less(ended, read.ended), pending];
    return !full([read.usage, ...added], most, FAR) && !full(added, most, ADDED);
  }

  async function follow(commit: Promise<CommitOutcome>, most: StoredUsage): Promise<CommitOutcome> {
    const settled = commit.catch(() => undefined);
    underWay.add(settled);
    try {
      return await commit;
    } finally {
      underWay.delete(settled);
      pending = less(pending, most);
      ended = addUsage(ended, most);
    }
  }

  function isLimited(): boolean {
    const quotas = quotasOf(tenant);
    return LIMITED.some(([quota]) => quotas[quota] !== undefined);
  }

  async function commitWithin(writes: readonly StoreWrite[]): Promise<CommitOutcome> {
    // The caller may change its buffers meanwhile.
    const own = writes.map((write) => (write.bytes ? { ...write, bytes: ownBytes(write.bytes) } : write));
    const most = mostOf(own);
    await reserve(own, most);
    return follow(store.commit(own), most);
  }

  const within: Store = {
    get: (key) => store.get(key),
    getAll: (keys) => getAll(store, keys),
    list: (prefix, after, limit, maxBytes) => store.list(prefix, after, limit, maxBytes),
    check: () => store.check(),
    close: () => store.close(),
    // Room is counted for each commit.
    commitAll: (commits) => (isLimited() ? eachAlone(within, commits) : commitAll(store, commits)),
    commit(writes) {
      if (!isLimited() || writes.every(({ bytes }) => !bytes) || ALWAYS.test(writes[0].key))
        return store.commit(writes);
      return commitWithin(writes);
    },
  };
  return within;
}

/** The largest possible growth by the writes. */
function mostOf(writes: readonly StoreWrite[]): StoredUsage {
  return writes.reduce((sum, { key, expect, bytes }) => {
    if (!bytes) return sum;
    return countWrite(sum, countedKey(key), typeof expect === 'string' ? 0 : undefined, bytes.length);
  }, NO_USAGE);
}

function less(a: StoredUsage, b: StoredUsage): StoredUsage {
  return {
    cell: a.cell - b.cell,
    session: a.session - b.session,
    variable: a.variable - b.variable,
    keys: a.keys - b.keys,
    bytes: a.bytes - b.bytes,
  };
}
