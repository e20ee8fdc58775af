import { createHash } from 'node:crypto';
import type { Store, StoreWrite } from '../../domain/ports.ts';
import { decodeRecord, encodeRecord } from '../../domain/record.ts';
import { DAY } from '../expiry/due.ts';

/** An Idempotency-Key of one request on an owner; its reply is in a record of its own. */
export interface KeptKey {
  readonly key: string;
  readonly fingerprint: string;
  readonly at: number;
}

/** The keys of an owner, the oldest first, and the revision of their record; null where there is none. */
export interface KeptKeys {
  readonly revision: string | null;
  readonly keys: readonly KeptKey[];
}

/** Keys kept for each owner; the oldest goes first. */
const KEPT_KEYS = 16;
/** What is older may go. */
export const KEPT_MS = DAY;

/** `owner` is `kind/id`. */
export function keysOf(owner: string): string {
  return owner.replace('/', '-keys/');
}

export function replyOf(owner: string, key: string): string {
  return `${owner.replace('/', '-reply/')}/${digest(key)}`;
}

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export async function readKeys(store: Pick<Store, 'get'>, owner: string): Promise<KeptKeys> {
  const stored = await store.get(keysOf(owner));
  if (!stored) return { revision: null, keys: [] };
  return { revision: stored.revision, keys: decodeRecord<{ keys: KeptKey[] }>(stored.bytes).fields.keys };
}

/** The writes that keep one key more, and let go of what is over the number or the time. */
export function keepKey(owner: string, kept: KeptKeys, key: KeptKey): StoreWrite[] {
  const young = kept.keys.filter(({ at }) => at > key.at - KEPT_MS);
  return keysWrites(owner, kept, [...young, key].slice(-KEPT_KEYS));
}

/**
 * Lets go of the keys of an owner that are older than a day, with their replies. `others` is what else is to be written,
 * only together with them. Whether it was done: not where another writer came between; and whether keys are left.
 */
export async function letGoOfKeys(
  store: Pick<Store, 'get' | 'commit'>,
  owner: string,
  now: number,
  others: readonly StoreWrite[] = [],
): Promise<{ readonly done: boolean; readonly left: boolean }> {
  const kept = await readKeys(store, owner);
  const young = kept.keys.filter(({ at }) => at > now - KEPT_MS);
  const stale = kept.revision !== null && (young.length < kept.keys.length || young.length === 0);
  const writes = [...others, ...(stale ? keysWrites(owner, kept, young) : [])];
  const done = writes.length === 0 || (await store.commit(writes)) === 'committed';
  return { done, left: young.length > 0 };
}

/** The writes that make `keys` the keys of an owner, those before being `kept`. The replies of new ones are not here. */
function keysWrites(owner: string, kept: KeptKeys, keys: readonly KeptKey[]): StoreWrite[] {
  const gone = kept.keys.filter(({ key }) => !keys.some((one) => one.key === key));
  const record = { key: keysOf(owner), expect: kept.revision };
  return [
    keys.length > 0
      ? { ...record, bytes: encodeRecord({ fields: { keys }, tensors: {} }) }
      : { ...record, delete: true },
    ...gone.map(({ key }) => ({ key: replyOf(owner, key), delete: true as const })),
  ];
}
