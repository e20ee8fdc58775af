import { hash } from 'node:crypto';
import type { Bytes } from '../../domain/bytes.ts';
import type { Store, StoreWrite } from '../../domain/ports.ts';
import { decodeRecord, encodeRecord } from '../../domain/record.ts';
import { getAll } from '../../domain/store-calls.ts';
import { DAY } from '../expiry/due.ts';
import { keptKey, keptListKey, keptPrefix, outcomeKey, untilOf } from '../keys.ts';
import { decodeOutcome, encodeOutcome, type Outcome, sizeOf } from './outcome.ts';

/** An outcome in the older form, without a time: the record of its owner names it, and it has no fingerprint. */
interface Listed {
  readonly key: string;
  readonly fingerprint: string;
  readonly at: number;
}

/** How much an owner keeps. */
interface Totals {
  readonly count: number;
  readonly bytes: number;
  /** When the first outcome may be removed. */
  readonly oldest: number;
}

/** What an owner keeps, and the revision of that record. Every keyed change of the owner replaces the record. */
export interface Kept extends Totals {
  /** null if there is none. */
  readonly revision: string | null;
  readonly listed: readonly Listed[];
}

const NONE: Totals = { count: 0, bytes: 0, oldest: Number.MAX_SAFE_INTEGER };

/** `owner` is the key of a thing. */
export async function readKept(store: Pick<Store, 'get'>, owner: string): Promise<Kept> {
  const stored = await store.get(keptListKey(owner));
  if (!stored) return { ...NONE, revision: null, listed: [] };
  const { keys, ...totals } = decodeRecord<{ keys: Listed[] } & Partial<Totals>>(stored.bytes).fields;
  return { ...NONE, ...totals, revision: stored.revision, listed: keys };
}

/** The outcome of the request that had the key; undefined if none is kept. */
export async function findOutcome(
  store: Pick<Store, 'get'>,
  owner: string,
  { listed }: Kept,
  idempotencyKey: string,
): Promise<Outcome | undefined> {
  const stored = await store.get(outcomeKey(owner, digest(idempotencyKey)));
  if (!stored) return undefined;
  const former = listed.find(({ key }) => key === idempotencyKey);
  return former ? { fingerprint: former.fingerprint, answer: stored.bytes } : decodeOutcome(stored.bytes);
}

/** Of each key whether an outcome is kept under it. */
export async function areKept(
  store: Pick<Store, 'get' | 'getAll'>,
  owner: string,
  idempotencyKeys: readonly string[],
): Promise<boolean[]> {
  const names = idempotencyKeys.map((key) => outcomeKey(owner, digest(key)));
  return (await getAll(store, names)).map((stored) => stored !== undefined);
}

/** The writes that keep one more outcome, until a time, and what is kept with it. */
export function keepWrites(
  owner: string,
  kept: Kept,
  idempotencyKey: string,
  outcome: Outcome<Bytes>,
  until: number,
): { readonly writes: readonly StoreWrite[]; readonly kept: Kept } {
  const name = digest(idempotencyKey);
  const size = sizeOf(outcome);
  const { count, bytes, oldest } = kept;
  const totals = { count: count + 1, bytes: bytes + size, oldest: Math.min(oldest, until) };
  const writes = [
    totalsWrite(owner, kept, totals),
    { key: outcomeKey(owner, name), bytes: encodeOutcome(outcome) },
    { key: keptKey(owner, until, name), bytes: encodeRecord({ fields: { bytes: size }, tensors: {} }) },
  ];
  return { writes, kept: { ...kept, ...totals } };
}

/** The most outcomes that one commit removes. */
const PAGE = 500;

/**
 * Removes the outcomes of an owner whose time is over, and makes the writes `others` in the same commit. Returns whether
 * this was done (not if another writer came first) and whether outcomes are left.
 */
export async function letGoOfKept(
  store: Pick<Store, 'get' | 'list' | 'commit'>,
  owner: string,
  now: number,
  others: readonly StoreWrite[] = [],
): Promise<{ readonly done: boolean; readonly left: boolean }> {
  for (let rest = others; ; rest = []) {
    const kept = await readKept(store, owner);
    const { writes, totals, listed, more } = await overWrites(store, owner, kept, now);
    const left = totals.count + listed.length > 0;
    const stale = kept.revision !== null && (writes.length > 0 || totals.oldest !== kept.oldest || !left);
    const all = [...rest, ...(stale ? [...writes, totalsWrite(owner, { ...kept, listed }, totals)] : [])];
    if (all.length > 0 && (await store.commit(all)) !== 'committed') return { done: false, left };
    if (!more) return { done: true, left };
  }
}

/** The writes that remove a page of outcomes whose time is over, and what is left then. */
async function overWrites(store: Pick<Store, 'list'>, owner: string, kept: Kept, now: number) {
  const listed = kept.listed.filter(({ at }) => at + DAY > now);
  const names = kept.listed.filter((one) => !listed.includes(one)).map(({ key }) => digest(key));
  const writes: StoreWrite[] = names.map((name) => ({ key: outcomeKey(owner, name), delete: true }));
  let { count, bytes, oldest } = kept;
  if (oldest > now) return { writes, listed, totals: { count, bytes, oldest }, more: false };
  const entries = await store.list(keptPrefix(owner), undefined, PAGE + 1);
  const over = entries.slice(0, PAGE).filter(({ key }) => untilOf(owner, key).until <= now);
  for (const { key, bytes: entry } of over) {
    writes.push({ key, delete: true }, { key: outcomeKey(owner, untilOf(owner, key).name), delete: true });
    bytes -= decodeRecord<{ bytes: number }>(entry).fields.bytes;
    count--;
  }
  const next = entries.at(over.length);
  oldest = next ? untilOf(owner, next.key).until : NONE.oldest;
  return { writes, listed, totals: next ? { count, bytes, oldest } : NONE, more: oldest <= now };
}

function totalsWrite(owner: string, { revision, listed }: Kept, totals: Totals): StoreWrite {
  const write = { key: keptListKey(owner), expect: revision };
  if (totals.count + listed.length === 0) return { ...write, delete: true };
  return { ...write, bytes: encodeRecord({ fields: { keys: listed, ...totals }, tensors: {} }) };
}

export function digest(text: string): string {
  return hash('sha256', text);
}
