import type { StoredEntry } from '../domain/ports.ts';
import { bytesOf, revisionOf } from './record.ts';
import type { RedisCommands } from './redis-client.ts';
import { bucketOf, bucketsOf, indexName, valueName } from './redis-keys.ts';

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
  limit: number,
): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = [];
  let from = after;
  while (entries.length < limit) {
    const { keys, end } = await nextKeys(commands, prefix, from, limit - entries.length);
    entries.push(...(await readEntries(commands, keys)));
    if (end === undefined) break;
    from = end;
  }
  return entries;
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
