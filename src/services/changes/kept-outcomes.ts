import { createHash } from 'node:crypto';
import type { Store, StoreWrite } from '../../domain/ports.ts';
import { decodeRecord, encodeRecord } from '../../domain/record.ts';
import { DAY } from '../expiry/due.ts';
import { keptListKey, outcomeKey } from '../keys.ts';

/** The idempotency key of one request on an owner; its outcome is in an entry of its own. */
export interface KeptEntry {
  readonly key: string;
  readonly fingerprint: string;
  readonly at: number;
}

/** The outcomes that an owner keeps, the oldest first, and the revision of their list; null where there is none. */
export interface Kept {
  readonly revision: string | null;
  readonly entries: readonly KeptEntry[];
}

/** Outcomes kept for each owner; the oldest goes first. */
const MOST_KEPT = 16;
/** What is older may go. */
export const KEPT_MS = DAY;

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export async function readKept(store: Pick<Store, 'get'>, owner: string): Promise<Kept> {
  const stored = await store.get(keptListKey(owner));
  if (!stored) return { revision: null, entries: [] };
  return { revision: stored.revision, entries: decodeRecord<{ keys: KeptEntry[] }>(stored.bytes).fields.keys };
}

export async function readOutcome(
  store: Pick<Store, 'get'>,
  owner: string,
  idempotencyKey: string,
): Promise<Uint8Array | undefined> {
  return (await store.get(outcomeKey(owner, digest(idempotencyKey))))?.bytes;
}

/** The writes that keep one outcome more, and let go of what is over the number or the time. */
export function keepWrites(owner: string, kept: Kept, entry: KeptEntry, outcome: Uint8Array): StoreWrite[] {
  const young = kept.entries.filter(({ at }) => at > entry.at - KEPT_MS);
  return [
    ...listWrites(owner, kept, [...young, entry].slice(-MOST_KEPT)),
    { key: outcomeKey(owner, digest(entry.key)), bytes: outcome },
  ];
}

/**
 * Lets go of the outcomes of an owner that are older than a day. `others` is what else is to be written, only together
 * with that. Whether it was done: not where another writer came between; and whether outcomes are left.
 */
export async function letGoOfKept(
  store: Pick<Store, 'get' | 'commit'>,
  owner: string,
  now: number,
  others: readonly StoreWrite[] = [],
): Promise<{ readonly done: boolean; readonly left: boolean }> {
  const kept = await readKept(store, owner);
  const young = kept.entries.filter(({ at }) => at > now - KEPT_MS);
  const stale = kept.revision !== null && (young.length < kept.entries.length || young.length === 0);
  const writes = [...others, ...(stale ? listWrites(owner, kept, young) : [])];
  const done = writes.length === 0 || (await store.commit(writes)) === 'committed';
  return { done, left: young.length > 0 };
}

/** The writes that make `entries` the list of an owner, the one before being `kept`. The outcomes of new ones are not here. */
function listWrites(owner: string, kept: Kept, entries: readonly KeptEntry[]): StoreWrite[] {
  const gone = kept.entries.filter(({ key }) => !entries.some((one) => one.key === key));
  const list = { key: keptListKey(owner), expect: kept.revision };
  return [
    entries.length > 0
      ? { ...list, bytes: encodeRecord({ fields: { keys: entries }, tensors: {} }) }
      : { ...list, delete: true },
    ...gone.map(({ key }) => ({ key: outcomeKey(owner, digest(key)), delete: true as const })),
  ];
}
