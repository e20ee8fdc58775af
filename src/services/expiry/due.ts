import type { Store, StoreWrite } from '../../domain/ports.ts';
import { decodeRecord, encodeRecord } from '../../domain/record.ts';
import { DUE_PREFIX, dueKey } from '../keys.ts';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const WEEK = 7 * DAY;

/** An entry of the index of times: what to check, and what may be removed. */
export type Due =
  | { readonly kind: 'session'; readonly id: string; readonly uid: string; readonly session: DueSession }
  | { readonly kind: 'claim'; readonly id: string }
  | { readonly kind: 'content'; readonly checkpoint: string; readonly uid: string }
  | { readonly kind: 'keys'; readonly owner: string };

/** The facts about a session that may no longer exist. */
export interface DueSession {
  readonly cell: string;
  readonly cell_uid: string;
  readonly pinned?: string;
}

export interface DueEntry {
  readonly key: string;
  readonly due: Due;
}

/** The owners that share an hour, so that no shard of the store holds a whole hour. */
const SHARDS = 16;

/**
 * The write that schedules a look at a thing in the first full hour after `at`. The index is a list of hours in time order.
 * An entry only says that it is time to look. It may be too early or useless. It is written before the thing that it is
 * about, so nothing is ever forgotten.
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

/** Schedules a look at a thing. */
export async function noteDue(store: Pick<Store, 'commit'>, at: number, due: Due): Promise<void> {
  await store.commit([dueWrite(at, due)]);
}

/** The entries that are due, oldest first, at most `limit`. */
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
  if (due.kind === 'content') return `content/${due.checkpoint}/${due.uid}`;
  return due.kind === 'claim' ? `claim/${due.id}` : `keys/${due.owner}`;
}
