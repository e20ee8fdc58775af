import type { StoredEntry } from '../../domain/ports.ts';
import { bytesOf, revisionOf } from '../record.ts';
import type { RedisCommands } from './client.ts';
import { bucketOf, bucketsOf, indexName, valueName } from './keys.ts';

/** Some of the next keys, in order, without gaps; `end` is how far they were looked for, undefined for to the end. */
interface KeyPage {
  readonly keys: readonly string[];
  readonly end: string | undefined;
}

/**
 * Entries in ascending key order over all buckets. The values of one owner are read at one moment; of different owners
 * at different ones. A key that was deleted since its index was read is left out, and the next one taken instead.
 */
export async function listEntries(
  commands: RedisCommands,
  prefix: string,
  after: string | undefined,
  { limit, maxBytes = Number.POSITIVE_INFINITY }: { readonly limit: number; readonly maxBytes?: number },
): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = [];
  let left = maxBytes;
  let from = after;
  while (entries.length < limit && left > 0) {
    const { keys, end } = await nextKeys(commands, prefix, from, limit - entries.length);
    const fitting = maxBytes === Number.POSITIVE_INFINITY ? keys : await keysWithin(commands, keys, left);
    const read = await readEntries(commands, fitting);
    entries.push(...read);
    left -= read.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (fitting.length < keys.length) {
      from = fitting[fitting.length - 1];
      continue;
    }
    if (end === undefined) break;
    from = end;
  }
  return entries;
}

/** The first of the keys, at least one: up to the one whose value reaches so many bytes with those before it. */
async function keysWithin(commands: RedisCommands, keys: readonly string[], maxBytes: number): Promise<string[]> {
  const lengths = await Promise.all(keys.map((key) => commands.strlen(valueName(bucketOf(key), key))));
  let bytes = 0;
  const last = lengths.findIndex((length) => {
    bytes += length;
    return bytes >= maxBytes;
  });
  return last < 0 ? [...keys] : keys.slice(0, last + 1);
}

/**
 * Asks each bucket for about its share of the keys. Where a bucket has more than it was asked for, what lies beyond its
 * last one is not used, since one of its own might come first.
 */
async function nextKeys(
  commands: RedisCommands,
  prefix: string,
  after: string | undefined,
  limit: number,
): Promise<KeyPage> {
  const buckets = bucketsOf(prefix);
  const count = Math.min(limit, Math.ceil((2 * limit) / buckets.length) + 4);
  const [min, max] = rangeOf(prefix, after);
  const found = await Promise.all(
    buckets.map((bucket) => commands.zrangebylex(indexName(bucket), min, max, 'LIMIT', 0, count)),
  );
  const ends = found.filter((keys) => keys.length === count).map((keys) => keys[count - 1]);
  const bound = ends.sort().at(0);
  const known = found.flat().filter((key) => bound === undefined || key <= bound);
  const keys = known.sort().slice(0, limit);
  return { keys, end: keys.length < known.length ? keys[keys.length - 1] : bound };
}

async function readEntries(commands: RedisCommands, keys: readonly string[]): Promise<StoredEntry[]> {
  const records = new Map<string, Buffer | null>();
  const byBucket = Map.groupBy(keys, bucketOf);
  await Promise.all(
    [...byBucket].map(async ([bucket, own]) => {
      const values = await commands.mgetBuffer(own.map((key) => valueName(bucket, key)));
      own.forEach((key, n) => {
        records.set(key, values[n]);
      });
    }),
  );
  return keys.flatMap((key) => {
    const record = records.get(key);
    return record ? [{ key, revision: revisionOf(record), bytes: bytesOf(record) }] : [];
  });
}

/** The bounds that ZRANGEBYLEX takes: `[` with, `(` without the text itself; `-` and `+` are the ends. */
function rangeOf(prefix: string, after: string | undefined): [string | Buffer, string | Buffer] {
  const first = Buffer.from(prefix);
  const max = first.length === 0 ? '+' : Buffer.concat([Buffer.from('('), first, Buffer.of(0xff)]);
  if (after !== undefined && Buffer.compare(Buffer.from(after), first) >= 0) return [Buffer.from(`(${after}`), max];
  return [first.length === 0 ? '-' : Buffer.concat([Buffer.from('['), first]), max];
}
