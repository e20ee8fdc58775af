import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, open } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LONG_BYTES } from '../../../src/domain/bytes.ts';
import type { CountedStore } from '../../../src/domain/ports.ts';
import type { LmdbDatabase } from '../../../src/store/lmdb/database.ts';
import { openLmdbStore } from '../../../src/store/lmdb/lmdb.ts';
import { LongValues } from '../../../src/store/lmdb/long-values.ts';
import { PIECE_BYTES } from '../../../src/store/lmdb/pieces.ts';
import { newSealedRecord, sealRecord } from '../../../src/store/lmdb/record.ts';
import { Draft } from '../../../src/store/lmdb/transaction.ts';
import { slowClock } from '../../support/slow-clock.ts';
import { countTurns } from '../../support/turns.ts';

const KEY = 'variable/v';
const BYTES = 2.5 * LONG_BYTES;
const PIECES = BYTES / PIECE_BYTES;
const long = (fill: number, bytes = BYTES) => new Uint8Array(bytes).fill(fill);

describe('long values of the LMDB store', () => {
  let directory: string;
  let store: CountedStore;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cellstep-long-'));
    store = await openLmdbStore({ directory });
  });
  afterEach(async () => {
    await store.close();
    rmSync(directory, { recursive: true });
  });

  type Tree = Database<Uint8Array, Uint8Array>;

  /** Opens the database itself, while the store is closed. */
  async function inDatabase<T>(work: (tree: (name: string) => Tree) => T | Promise<T>): Promise<T> {
    await store.close();
    const root = open<string, string>({ path: directory, noSubdir: false, encoding: 'string' });
    try {
      return await work((name) => root.openDB(name, { encoding: 'binary', keyEncoding: 'binary' }));
    } finally {
      await root.close();
      store = await openLmdbStore({ directory });
    }
  }

  const pieces = () => inDatabase((tree) => [tree('pieces').getCount(), tree('unfinished').getCount()]);

  it('are kept in pieces, which go when the value is replaced or deleted', async () => {
    await store.commit([{ key: KEY, bytes: long(1) }]);
    expect(await pieces()).toEqual([PIECES, 0]);
    const { revision } = (await store.get(KEY))!;
    expect(await store.commit([{ key: KEY, expect: revision, bytes: long(2, 2 * LONG_BYTES) }])).toBe('committed');
    expect(await pieces()).toEqual([(2 * LONG_BYTES) / PIECE_BYTES, 0]);
    expect(Buffer.compare((await store.get(KEY))!.bytes, long(2, 2 * LONG_BYTES))).toBe(0);
    await store.commit([{ key: KEY, bytes: Uint8Array.of(7) }]);
    expect(await pieces()).toEqual([0, 0]);
    await store.commit([{ key: KEY, bytes: long(3) }]);
    await store.commit([{ key: KEY, delete: true }]);
    expect(await pieces()).toEqual([0, 0]);
  });

  it('are read one after the other where several want the same', async () => {
    await store.commit([{ key: KEY, bytes: long(1) }]);
    const held: string[] = [];
    const reads = ['a', 'b'].map((name) => store.get(KEY, () => held.push(name)));
    for (const read of await Promise.all(reads)) expect(read?.bytes).toEqual(long(1));
    expect(held.join('')).toBe('a'.repeat(1 + PIECES) + 'b'.repeat(1 + PIECES));
  });

  it('give back the memory of what was read where their reader leaves', async () => {
    const bytes = 8 * LONG_BYTES;
    await store.commit([{ key: KEY, bytes: long(1, bytes) }]);
    const before = process.memoryUsage().arrayBuffers;
    let read = 0;
    const leave = () => {
      if (read++ > 3) throw new Error('gone');
    };
    await expect(store.get(KEY, leave)).rejects.toThrow('gone');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(bytes / 2);
    expect(Buffer.compare((await store.get(KEY))!.bytes, long(1, bytes))).toBe(0);
  });

  it('are written with memory for few pieces, however many there are', async () => {
    const bytes = long(1, 16 * LONG_BYTES);
    const before = process.memoryUsage().arrayBuffers;
    await store.commit([{ key: KEY, bytes }]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * LONG_BYTES);
    expect(Buffer.compare((await store.get(KEY))!.bytes, bytes)).toBe(0);
  });

  it('leave nothing where their commit is not made', async () => {
    await store.commit([{ key: KEY, bytes: Uint8Array.of(1) }]);
    expect(await store.commit([{ key: KEY, expect: null, bytes: long(1) }])).toBe('conflict');
    expect(await pieces()).toEqual([0, 0]);
    expect((await store.get(KEY))?.bytes).toEqual(Uint8Array.of(1));
  });

  it('let the commits of others go before them', async () => {
    const order: string[] = [];
    const slow = store.commit([{ key: KEY, bytes: long(1, 10 * LONG_BYTES) }]).then(() => order.push('long'));
    await store.commit([{ key: 'session/s', bytes: Uint8Array.of(1) }]).then(() => order.push('short'));
    await slow;
    expect(order).toEqual(['short', 'long']);
  });

  it('are read and written a piece in each turn of the event loop, however many there are', async () => {
    const keys = ['a', 'b', 'c', 'd'].map((name) => `variable/${name}`);
    slowClock();
    const writing = () => Promise.all(keys.map((key, fill) => store.commit([{ key, bytes: long(fill) }])));
    expect((await countTurns(writing)).turns).toBeGreaterThanOrEqual(PIECES * keys.length);
    expect((await countTurns(() => Promise.all(keys.map((key) => store.get(key))))).turns).toBeGreaterThanOrEqual(
      PIECES * keys.length,
    );
  });

  it('are whole while they are replaced: a reader gets one value or another', async () => {
    await store.commit([{ key: KEY, bytes: long(0) }]);
    let over = false;
    const writing = (async () => {
      for (let fill = 1; fill < 12; fill++) await store.commit([{ key: KEY, bytes: long(fill) }]);
      over = true;
    })();
    const seen = new Set<number>();
    while (!over) {
      const { bytes } = (await store.get(KEY))!;
      expect(Buffer.compare(bytes, long(bytes[0]))).toBe(0);
      const [listed] = await store.list('variable/', undefined, 10);
      expect(Buffer.compare(listed.bytes, long(listed.bytes[0]))).toBe(0);
      seen.add(bytes[0]);
    }
    await writing;
    expect(seen.size).toBeGreaterThan(1);
  });

  it('are told to the reader before they are read, and counted by their bytes', async () => {
    await store.commit([
      { key: KEY, bytes: long(1) },
      { key: `${KEY}/short`, bytes: Uint8Array.of(1) },
    ]);
    const told: number[] = [];
    // Each piece asks whether somebody still waits.
    const hold = (bytes: number) => void (bytes > 0 && told.push(bytes));
    const [value, short] = [await store.get(KEY, hold), await store.get(`${KEY}/short`, hold)];
    expect(told).toEqual([BYTES]);
    // Both are of one commit.
    expect(value?.revision).toBe(short?.revision);
    const refuse = () => {
      throw new Error('no room');
    };
    await expect(store.get(KEY, refuse)).rejects.toThrow('no room');
    let pieces = 0;
    const leave = (bytes: number) => {
      if (bytes === 0 && ++pieces === 2) throw new Error('gone');
    };
    await expect(store.get(KEY, leave)).rejects.toThrow('gone');
    expect(pieces).toBe(2);
    const { bytes } = await store.usageOf('default');
    expect(bytes).toBe(BYTES + 1 + 2 * KEY.length + '/short'.length);
  });

  it('end a list by their bytes', async () => {
    for (const id of ['a', 'b', 'c']) await store.commit([{ key: `variable/${id}`, bytes: long(1) }]);
    expect(await store.list('variable/', undefined, 10, LONG_BYTES)).toHaveLength(1);
    expect(await store.list('variable/', undefined, 10, 4 * LONG_BYTES)).toHaveLength(2);
  });

  it('that a process has left unfinished are removed at the next start', async () => {
    await store.commit([{ key: KEY, bytes: long(1) }]);
    await inDatabase(async (tree) => {
      const [key] = [...tree('records').getKeys()];
      const place = tree('records').get(key)!.slice(16, 44);
      // The record is gone, as if it had never been written.
      await tree('records').remove(key);
      await tree('unfinished').put(place.slice(0, 16), place);
    });
    expect(await pieces()).toEqual([0, 0]);
  });

  it.each([
    ['is missing', (pieces: Tree, key: Uint8Array) => pieces.remove(key)],
    ['has another byte', (pieces: Tree, key: Uint8Array) => pieces.put(key, pieces.get(key)!.fill(9, 1000, 1001))],
  ])('are found damaged at the start after a crash where a piece %s', async (_, damage) => {
    await store.commit([{ key: KEY, bytes: long(1) }]);
    const damaged = inDatabase(async (tree) => {
      const [, second] = [...tree('pieces').getKeys()].map((key) => Uint8Array.from(key));
      await damage(tree('pieces'), second);
    });
    await expect(damaged).rejects.toThrow(/is damaged: (a piece of variable\/v is missing|the record .* is damaged)/s);
  });

  it('of format 3, in one piece, are read', async () => {
    const value = long(5, 3 * LONG_BYTES);
    await store.commit([{ key: KEY, bytes: Uint8Array.of(1) }]);
    await inDatabase(async (tree) => {
      const sealed = newSealedRecord(value);
      sealed[0] = 1;
      sealRecord(Buffer.from(KEY), sealed);
      await tree('records').put(Buffer.from(KEY), sealed);
    });
    const { revision, bytes } = (await store.get(KEY))!;
    expect(Buffer.compare(bytes, value)).toBe(0);
    expect(await store.commit([{ key: KEY, expect: revision, bytes: long(6) }])).toBe('committed');
    expect(await pieces()).toEqual([PIECES, 0]);
  });
});

describe('pieces that could not be removed while the disk failed', () => {
  it('are removed when the next long value is written', async () => {
    const pieces = new Map<string, Uint8Array>();
    const unfinished = new Map<string, Uint8Array>();
    const name = (key: Uint8Array) => Buffer.from(key).toString('hex');
    const tree = (kept: Map<string, Uint8Array>) => ({
      put: (key: Uint8Array, value: Uint8Array) => void kept.set(name(key), value),
      remove: (key: Uint8Array) => void kept.delete(name(key)),
      getBinaryFast: (key: Uint8Array) => kept.get(name(key)),
      getStats: () => ({}),
    });
    const stats = { getStats: () => ({ free: {} }) };
    const database = { root: stats, records: tree(new Map()), pieces: tree(pieces), unfinished: tree(unfinished) };
    let left = 3;
    const values = new LongValues(tmpdir(), async (_bytes, work) => {
      if (left-- <= 0) throw new Error('EIO');
      const draft = new Draft(database as unknown as LmdbDatabase);
      const outcome = work(draft);
      draft.write();
      return outcome;
    });
    const place = values.newPlace(long(1, 4 * LONG_BYTES));
    await expect(values.write(place, long(1, 4 * LONG_BYTES))).rejects.toThrow('EIO');
    await values.drop([place]);
    expect([pieces.size, unfinished.size]).toEqual([2, 1]);
    left = 100;
    const next = values.newPlace(long(2));
    await values.write(next, long(2));
    expect([pieces.size, [...unfinished.keys()]]).toEqual([PIECES, [name(next.id)]]);
  });
});
