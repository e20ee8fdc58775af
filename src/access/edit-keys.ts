import type { Scope } from '../domain/identity.ts';
import { hasExpired, type KeyEntry, makeKey } from './key-entry.ts';

/** An impossible change of a file's keys, explained for a person. */
export class KeyChangeError extends Error {}

export interface NewKey {
  readonly name: string;
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  /** When the key expires. Left out: never. */
  readonly days?: number;
}

export interface Made {
  readonly keys: readonly KeyEntry[];
  /** To be shown once. */
  readonly key: string;
}

const DAY = 86_400_000;
const HOUR = 3_600_000;

/** @throws {KeyChangeError} if a valid key has the name */
export function addKey(keys: readonly KeyEntry[], { days, ...about }: NewKey, now: number): Made {
  const others = keys.filter(({ name }) => name !== about.name);
  if (keys.some((entry) => entry.name === about.name && !hasExpired(entry, now))) {
    throw new KeyChangeError(`There is a key '${about.name}' already. Choose another name, or rotate it.`);
  }
  const { key, entry } = makeKey(about, now, days === undefined ? undefined : now + days * DAY);
  return { key, keys: [...others, entry] };
}

/**
 * Makes a new key under a name. The old key stays valid for this many hours, so that clients can change over.
 * @throws {KeyChangeError} if no key has the name
 */
export function rotateKey(keys: readonly KeyEntry[], name: string, overlapHours: number, now: number): Made {
  const current = keys.findLast((entry) => entry.name === name && !hasExpired(entry, now));
  if (!current) throw unknown(name);
  const { tenant, scopes, created_at, expires_at } = current;
  const life = expires_at === null ? undefined : Date.parse(expires_at) - Date.parse(created_at);
  const { key, entry } = makeKey({ name, tenant, scopes }, now, life === undefined ? undefined : now + life);
  const end = now + overlapHours * HOUR;
  const kept = keys
    .filter((former) => former.name !== name || !hasExpired(former, now))
    .map((former) => (former.name === name ? endingAt(former, end) : former));
  return { key, keys: [...kept, entry] };
}

/** @throws {KeyChangeError} if no key has the name */
export function revokeKey(keys: readonly KeyEntry[], name: string): readonly KeyEntry[] {
  const others = keys.filter((entry) => entry.name !== name);
  if (others.length === keys.length) throw unknown(name);
  return others;
}

function endingAt(entry: KeyEntry, time: number): KeyEntry {
  const end = entry.expires_at === null ? time : Math.min(time, Date.parse(entry.expires_at));
  return { ...entry, expires_at: new Date(end).toISOString() };
}

function unknown(name: string): KeyChangeError {
  return new KeyChangeError(`There is no key '${name}'. \`cellstep keys list\` shows all keys.`);
}
