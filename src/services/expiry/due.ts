import type { Store, StoreWrite } from '../../domain/ports.ts';
import { decodeRecord, encodeRecord } from '../../domain/record.ts';
import { DUE_PREFIX, dueKey } from '../keys.ts';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const WEEK = 7 * DAY;

/** What the index of times asks to look at: whether its time is over, and what of it can go. */
export type Due =
  | { readonly kind: 'session'; readonly id: string; readonly uid: string; readonly session: DueSession }
  | { readonly kind: 'claim'; readonly id: string }
  | { readonly kind: 'keys'; readonly owner: string };

/** What is known of a session that may not be there any more. */
export interface DueSession {
  readonly cell: string;
  readonly cell_uid: string;
  readonly pinned?: string;
}

export interface DueEntry {
  readonly key: string;
  readonly due: Due;
}

/** Owners that share an hour, so that no shard of the store has a whole hour to itself. */
const SHARDS = 16;

/**
 * The write that has a thing looked at in the first full hour after `at`. The index is a list in the order of time, by
 * hours. An entry says nothing but that it is time to look: it may be too early or in vain, and is written before what it
 * is about, so that nothing is ever forgotten.
 */
export function dueWrite(at: number, due: Due): StoreWrite & { readonly bytes: Uint8Array } {
  return { key: keyOf(at, due), bytes: encodeRecord({ fields: due, tensors: {} }) };
}

function keyOf(at: number, due: Due): string {
  const name = nameOf(due);
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  const shard = ((hash ^ (hash >>> 16)) >>> 0) % SHARDS;
  return dueKey(hourOf(at + HOUR - 1), shard.toString(16), name);
}

/** Has a thing looked at. */
export async function noteDue(store: Pick<Store, 'commit'>, at: number, due: Due): Promise<void> {
  await store.commit([dueWrite(at, due)]);
}

/** The entries whose hour has come, the oldest first, at most `limit`. */
export async function listDue(store: Pick<Store, 'list'>, now: number, limit: number): Promise<DueEntry[]> {
  const entries = await store.list(DUE_PREFIX, undefined, limit);
  const hour = hourOf(now);
  return entries
    .filter(({ key }) => key.slice(DUE_PREFIX.length, DUE_PREFIX.length + hour.length) <= hour)
    .map(({ key, bytes }) => ({ key, due: decodeRecord<Due>(bytes).fields }));
}

/** `2030-01-31T23` as `2030013123`, in which hours sort by time. */
function hourOf(at: number): string {
  return new Date(at).toISOString().slice(0, 13).replaceAll(/\D/g, '');
}

function nameOf(due: Due): string {
  if (due.kind === 'session') return `session/${due.id}/${due.uid}`;
  return due.kind === 'claim' ? `claim/${due.id}` : `keys/${due.owner}`;
}
