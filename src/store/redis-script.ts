import type { CommitOutcome, StoreWrite } from '../domain/ports.ts';
import { createStamps, newRecord, STAMP_BYTES, stampRecord } from './record.ts';
import { indexName, valueName } from './redis-keys.ts';

/**
 * One commit. KEYS: the bucket's index, then the names of the values. ARGV, three for each value: what its stamp must
 * be (`*` anything, empty: no value), the key as the index has it, and `c` to check, `t` to touch what was checked, `d` to
 * delete, `p` to fail where a write would fail without changing anything, or the record to write. Nothing is written before
 * all comparisons hold.
 *
 * Redis runs a script whole or not at all, but for an error in its middle. The first write is the only one that can
 * fail (no memory, read-only, disk broken): once a script has written, Redis refuses it nothing. So what needs room goes
 * first, and a full server refuses the commit whole; what only deletes it still takes. A value is at least a stamp long,
 * so that an empty range means that there is none, and that a record is told from a letter.
 *
 * WAIT speaks of what was written over its connection. So that a commit of checks alone confirms what another one wrote,
 * it touches that: a change that replicas get, that changes nothing, and that needs no room.
 */
export const COMMIT_SCRIPT = `
for i = 2, #KEYS do
  local expect = ARGV[3 * i - 5]
  if expect ~= '*' and redis.call('GETRANGE', KEYS[i], 0, ${STAMP_BYTES - 1}) ~= expect then return 0 end
end
for i = 2, #KEYS do
  local write = ARGV[3 * i - 3]
  if #write >= ${STAMP_BYTES} then
    redis.call('ZADD', KEYS[1], 0, ARGV[3 * i - 4])
    redis.call('SET', KEYS[i], write)
  end
end
for i = 2, #KEYS do
  local write = ARGV[3 * i - 3]
  if write == 'd' then
    redis.call('ZREM', KEYS[1], ARGV[3 * i - 4])
    redis.call('DEL', KEYS[i])
  elseif write == 't' then
    redis.call('PEXPIREAT', KEYS[i], '9007199254740991')
    redis.call('PERSIST', KEYS[i])
  elseif write == 'p' then
    redis.call('SETRANGE', KEYS[i], 0, '')
  end
end
return 1
`;

/** What the script is called with, and how many bytes that is. */
export interface ScriptCall {
  readonly bucket: string;
  readonly keys: readonly string[];
  readonly args: readonly (string | Buffer)[];
  readonly size: number;
}

/** Turns commits into calls of the script, each with a stamp of its own; bytes are copied. */
export function createScriptCalls(): (bucket: string, writes: readonly StoreWrite[]) => ScriptCall {
  const nextStamp = createStamps();
  return (bucket, writes) => {
    const stamp = nextStamp();
    const check = writes.every(({ bytes, delete: deletes }) => bytes === undefined && !deletes) ? 't' : 'c';
    let size = 0;
    const args = writes.flatMap(({ key, expect, bytes, delete: deletes }) => {
      const write = bytes === undefined ? (deletes ? 'd' : check) : recordOf(bytes, stamp);
      size += write.length;
      return [expectation(expect), key, write];
    });
    return { bucket, keys: [indexName(bucket), ...writes.map(({ key }) => valueName(bucket, key))], args, size };
  };
}

/** A call that changes nothing. A server refuses it if it would refuse a write. */
export function probeCall(bucket: string): ScriptCall {
  return { bucket, keys: [indexName(bucket), valueName(bucket, 'probe')], args: ['*', 'probe', 'p'], size: 0 };
}

export function outcomeOf(reply: unknown): CommitOutcome {
  if (reply !== 0 && reply !== 1) throw new Error(`the commit script answered ${String(reply)}`);
  return reply === 1 ? 'committed' : 'conflict';
}

function recordOf(bytes: Uint8Array, stamp: Uint8Array): Buffer {
  const record = newRecord(bytes);
  stampRecord(record, stamp);
  return Buffer.from(record.buffer);
}

/** The stamp as the script compares it. Anything that is not a revision of this store becomes one byte, which no stamp equals. */
function expectation(expect: string | null | undefined): string | Buffer {
  if (expect === undefined) return '*';
  if (expect === null) return '';
  return new RegExp(`^[0-9a-f]{${2 * STAMP_BYTES}}$`).test(expect) ? Buffer.from(expect, 'hex') : '!';
}
