import { DEFAULT_TENANT } from '../../domain/identity.ts';
import type { CommitOutcome, StoreWrite } from '../../domain/ports.ts';
import { COUNTED_KINDS, countedKey } from '../../domain/usage.ts';
import { createStamps, newRecord, STAMP_BYTES, stampRecord } from '../record.ts';
import { indexName, usageName, valueName } from './keys.ts';

/**
 * One commit. KEYS: the bucket's index and usage, then the names of the values. ARGV: the tenant, then four for each value:
 * what its stamp must be (`*` anything, empty: no value), the key as the index has it, what its thing is counted as (empty:
 * nothing), and `c` to check, `t` to touch what was checked, `d` to delete, `p` to fail where a write would fail without
 * changing anything, or the record to write. Nothing is written before all comparisons hold. Redis runs a script completely
 * or not at all, except for an error in the middle. Only the first write can fail (no memory, read-only, broken disk): after
 * a write Redis refuses the script nothing. So writes that need room go first, and a full server refuses the whole commit,
 * but still accepts pure deletions. A value is at least as long as a stamp, so an empty range means no value, and a record
 * differs from a letter. WAIT covers only writes of its own connection. Therefore a commit of checks touches the checked
 * keys: replicas get this write, it changes nothing, and it needs no room.
 */
export const COMMIT_SCRIPT = `
for i = 3, #KEYS do
  local expect = ARGV[4 * i - 10]
  if expect ~= '*' and redis.call('GETRANGE', KEYS[i], 0, ${STAMP_BYTES - 1}) ~= expect then return 0 end
end
local more = {}
local function count(what, by) more[what] = (more[what] or 0) + by end
for i = 3, #KEYS do
  local key, kind, write = ARGV[4 * i - 9], ARGV[4 * i - 8], ARGV[4 * i - 7]
  if #write >= ${STAMP_BYTES} or write == 'd' then
    local own = string.gsub(key, '^@[^/]*/', '')
    local before, after = redis.call('STRLEN', KEYS[i]), #write
    if before > 0 then
      count('keys', -1)
      count('bytes', ${STAMP_BYTES} - before - #own)
      if kind ~= '' then count(kind, -1) end
    end
    if write ~= 'd' then
      count('keys', 1)
      count('bytes', after - ${STAMP_BYTES} + #own)
      if kind ~= '' then count(kind, 1) end
    end
  end
end
for i = 3, #KEYS do
  local write = ARGV[4 * i - 7]
  if #write >= ${STAMP_BYTES} then
    redis.call('ZADD', KEYS[1], 0, ARGV[4 * i - 9])
    redis.call('SET', KEYS[i], write)
  end
end
for i = 3, #KEYS do
  local write = ARGV[4 * i - 7]
  if write == 'd' then
    redis.call('ZREM', KEYS[1], ARGV[4 * i - 9])
    redis.call('DEL', KEYS[i])
  elseif write == 't' then
    redis.call('PEXPIREAT', KEYS[i], '9007199254740991')
    redis.call('PERSIST', KEYS[i])
  elseif write == 'p' then
    redis.call('SETRANGE', KEYS[i], 0, '')
  end
end
for what, by in pairs(more) do
  if by ~= 0 then redis.call('HINCRBY', KEYS[2], ARGV[1] .. '/' .. what, string.format('%d', by)) end
end
return 1
`;

/**
 * The usage of one bucket, of the tenant ARGV[1] or, without one, of all: a flat list of fields and numbers. An older version
 * of cellstep, which does not count, may have written to the bucket. Then the number of keys differs, and all are counted
 * again. KEYS: the bucket's index and usage; ARGV[2]: what the names of the bucket's values begin with.
 */
export const USAGE_SCRIPT = `
local all = redis.call('HGETALL', KEYS[2])
local keys = 0
for i = 1, #all, 2 do
  if string.sub(all[i], -5) == '/keys' then keys = keys + tonumber(all[i + 1]) end
end
if keys ~= redis.call('ZCARD', KEYS[1]) then
  local sums = {}
  local function count(what, by) sums[what] = (sums[what] or 0) + by end
  for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local tenant, own = string.match(key, '^@([^/]*)/(.*)$')
    tenant, own = tenant or '${DEFAULT_TENANT}', own or key
    local kind = string.match(own, '^(%a+)/[^/]*$')
    count(tenant .. '/keys', 1)
    count(tenant .. '/bytes', redis.call('STRLEN', ARGV[2] .. key) - ${STAMP_BYTES} + #own)
    if kind and string.find('${COUNTED_KINDS.map((kind) => ` ${kind} `).join('')}', ' ' .. kind .. ' ', 1, true) then
      count(tenant .. '/' .. kind, 1)
    end
  end
  all = {}
  redis.pcall('DEL', KEYS[2])
  for what, sum in pairs(sums) do
    redis.pcall('HSET', KEYS[2], what, string.format('%d', sum))
    table.insert(all, what)
    table.insert(all, string.format('%d', sum))
  end
end
if ARGV[1] == '' then return all end
local own = {}
local mine = ARGV[1] .. '/'
for i = 1, #all, 2 do
  if string.sub(all[i], 1, #mine) == mine then
    table.insert(own, all[i])
    table.insert(own, all[i + 1])
  end
end
return own
`;

/** The arguments of the script, and their size in bytes. */
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
      const write = bytes === undefined ? (deletes ? 'd' : check) : recordOf(bytes.subarray(), stamp);
      size += write.length;
      return [expectation(expect), key, countedKey(key).kind ?? '', write];
    });
    const names = writes.map(({ key }) => valueName(bucket, key));
    const { tenant } = countedKey(writes[0].key);
    return { bucket, keys: [indexName(bucket), usageName(bucket), ...names], args: [tenant, ...args], size };
  };
}

/** A call that changes nothing. A server refuses it if it would refuse a write. */
export function probeCall(bucket: string): ScriptCall {
  const keys = [indexName(bucket), usageName(bucket), valueName(bucket, 'probe')];
  return { bucket, keys, args: ['', '*', 'probe', '', 'p'], size: 0 };
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
