import type { Store, StoredEntry } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { decodeRecordSlices } from '../../domain/record.ts';
import { inTurns } from '../../threads/in-turns.ts';

export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string;
  /** How the ids begin. */
  readonly prefix?: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
}

/** Makes a thing of a stored value, in slices. */
type Decode<T> = (bytes: Uint8Array) => Generator<void, T>;

/** The fields of a record. */
export function* fieldsOf<F>(bytes: Uint8Array): Generator<void, F> {
  return (yield* decodeRecordSlices<F>(bytes)).fields;
}

/** A page ends with the thing that reaches this many bytes in the store. */
const PAGE_BYTES = 8 * 2 ** 20;
/** How many things a page may look at for each one that it can show. */
const LOOKS = 10;

/**
 * One page of the things of a kind that `shows` accepts. It looks at a bounded number of things, so it may be short even
 * if another page follows.
 */
export async function listShown<T>(
  store: Pick<Store, 'list'>,
  kind: string,
  { limit, cursor, prefix }: PageRequest,
  decode: Decode<T>,
  shows: (thing: T) => boolean,
): Promise<Page<T>> {
  const items: T[] = [];
  let next: string | null | undefined = cursor;
  for (let looks = 0; looks < LOOKS && next !== null && items.length < limit; looks++) {
    const wanted: number = limit - items.length;
    const page: Page<T> = await listPage(store, kind, { limit: wanted, cursor: next, prefix }, decode);
    items.push(...page.items.filter(shows));
    next = page.next_cursor;
    // It ended early: what it read was large.
    if (page.items.length < wanted) break;
  }
  return { items, next_cursor: next ?? null };
}

/**
 * One page of the things of a kind, in id order. The cursor is the last id of the previous page, in base64url. The page
 * ends early if the things are large.
 */
export async function listPage<T>(
  store: Pick<Store, 'list'>,
  kind: string,
  { limit, cursor, prefix = '' }: PageRequest,
  decode: Decode<T>,
): Promise<Page<T>> {
  const entries = await store.list(kind + prefix, cursor && kind + readCursor(cursor), limit + 1, PAGE_BYTES);
  const shown = entries.slice(0, limit);
  const full = entries.reduce((sum, { bytes }) => sum + bytes.length, 0) >= PAGE_BYTES;
  const last = entries.length > limit || full ? shown.at(-1)?.key.slice(kind.length) : undefined;
  return {
    items: await inTurns(decoded(shown, decode)),
    next_cursor: last === undefined ? null : Buffer.from(last).toString('base64url'),
  };
}

function* decoded<T>(entries: readonly StoredEntry[], decode: Decode<T>): Generator<void, T[]> {
  const things: T[] = [];
  for (const { bytes } of entries) {
    things.push(yield* decode(bytes));
    yield;
  }
  return things;
}

/** All entries, read in pages of bounded length and bytes. */
export async function* entriesOf(
  store: Pick<Store, 'list'>,
  prefix: string,
  pageSize: number,
): AsyncGenerator<StoredEntry> {
  for (let after: string | undefined; ; ) {
    const page = await store.list(prefix, after, pageSize, PAGE_BYTES);
    yield* page;
    if (page.length === 0) return;
    after = page.at(-1)?.key;
  }
}

function readCursor(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString('latin1');
  if (Buffer.from(id, 'latin1').toString('base64url') === cursor && /^[\x21-\x7e]{1,128}$/.test(id)) return id;
  const detail = `'${cursor}' is not a cursor of this service. Send the next_cursor of the page before.`;
  throw new Problem('invalid-request', detail, { errors: [{ pointer: '?cursor', detail }] });
}
