import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StoreWrite } from '../../../src/domain/ports.ts';
import { createCommitQueue } from '../../../src/store/lmdb/commits.ts';
import type { LmdbConnection } from '../../../src/store/lmdb/connection.ts';
import type { LmdbDatabase } from '../../../src/store/lmdb/database.ts';
import { RecentValues } from '../../../src/store/recent-values.ts';
import { until } from '../../support/until.ts';

/** A database in an empty directory, whose transactions go on when the test says so. `alone`: no other process writes to it. */
function heldDatabase(directory: string, alone = true) {
  let stored = new Map<string, Uint8Array>();
  let changed = stored;
  const asked: { readonly begin: () => void; readonly end: () => void; readonly fail: () => void }[] = [];
  const records = {
    getBinaryFast: (key: Uint8Array) => changed.get(Buffer.from(key).toString()),
    put: (key: Uint8Array, record: Uint8Array) => void changed.set(Buffer.from(key).toString(), record),
  };
  const usages = { get: () => undefined, put: () => undefined, remove: () => undefined };
  const transaction = (work: () => unknown) => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    let result: unknown;
    asked.push({
      begin: () => {
        changed = new Map(stored);
        result = work();
      },
      end: () => {
        stored = changed;
        resolve(result);
      },
      fail: () => {
        changed = stored;
        reject(new Error('EIO'));
      },
    });
    return promise;
  };
  const batch = (work: () => unknown) => {
    const written = transaction(work);
    asked.at(-1)?.begin();
    return written;
  };
  const childTransaction = vi.fn(transaction);
  const root = { batch, childTransaction, remove: () => undefined, resetReadTxn: () => undefined };
  const database = { root, records, usages } as unknown as LmdbDatabase;
  const connection: LmdbConnection = {
    directory,
    current: () => database,
    recover: async () => true,
    close: async () => {},
  };
  const recent = new RecentValues(alone);
  const queue = createCommitQueue(connection, recent);
  return { queue, recent, keys: () => [...stored.keys()], asked, childTransaction };
}

const write = (key: string): StoreWrite[] => [{ key, expect: null, bytes: Uint8Array.of(1) }];
const many = (key: string, bytes = 2 ** 20): StoreWrite[] => [{ key, expect: null, bytes: new Uint8Array(bytes) }];

describe('the commits of the LMDB store', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cellstep-commits-'));
  });
  afterEach(() => {
    vi.useRealTimers();
    rmSync(directory, { recursive: true });
  });

  it('share a transaction when they come in one turn, and wait for the next when after', async () => {
    const { queue, keys, asked, childTransaction } = heldDatabase(directory);
    const first = queue.add([write('cell/a')]);
    await Promise.resolve();
    const second = queue.add([write('cell/b')]);
    await until(() => asked.length === 1);
    const third = queue.add([write('cell/c')]);
    asked[0].end();
    expect(await Promise.all([first, second])).toEqual([['committed'], ['committed']]);
    expect(keys()).toEqual(['cell/a', 'cell/b']);
    await until(() => asked.length === 2);
    asked[1].end();
    expect(await third).toEqual(['committed']);
    expect(keys()).toEqual(['cell/a', 'cell/b', 'cell/c']);
    expect(childTransaction).not.toHaveBeenCalled();
  });

  it('of few bytes come before those of many, of which one goes with them', async () => {
    const { queue, keys, asked } = heldDatabase(directory);
    const ends = queue.add([many('cell/a'), many('cell/b'), write('cell/c')]);
    await until(() => asked.length === 1);
    asked[0].end();
    await until(() => asked.length === 2);
    expect(keys()).toEqual(['cell/c', 'cell/a']);
    asked[1].end();
    expect(await ends).toEqual(Array(3).fill('committed'));
    expect(keys()).toEqual(['cell/c', 'cell/a', 'cell/b']);
  });

  it('of few bytes are acknowledged before those of many that came first, and these have every other transaction', async () => {
    const { queue, asked } = heldDatabase(directory);
    const order: string[] = [];
    const commit = (writes: StoreWrite[]) => queue.add([writes]).then(() => order.push(writes[0].key));
    const ends = ['cell/a', 'cell/b', 'cell/c'].map((key) => commit(many(key, 2 ** 21)));
    for (let n = 1; n <= 5; n++) {
      await until(() => asked.length === n);
      if (n < 5) ends.push(commit(write(`session/${n}`)));
      asked[n - 1].end();
    }
    await Promise.all(ends);
    expect(order).toEqual(['cell/a', 'session/1', 'session/2', 'cell/b', 'session/3', 'session/4', 'cell/c']);
  });

  it('of many bytes share a transaction where no others have come for a while', async () => {
    const { queue, keys, asked } = heldDatabase(directory);
    const piece = (k: number) => many(`cell/${k}`, 2 ** 19);
    const ends = queue.add([piece(0), piece(1), piece(2), piece(3), piece(4)]);
    await until(() => asked.length === 1);
    asked[0].end();
    await until(() => asked.length === 2);
    expect(keys()).toHaveLength(4);
    asked[1].end();
    await ends;
  });

  it('of one key do not overwrite each other in a transaction', async () => {
    const { queue, keys, asked } = heldDatabase(directory);
    const ends = queue.add([write('cell/a'), write('cell/a'), write('cell/b')]);
    await until(() => asked.length === 1);
    asked[0].end();
    expect(await ends).toEqual(['committed', 'conflict', 'committed']);
    expect(keys()).toEqual(['cell/a', 'cell/b']);
  });

  it('are compared in the transaction while an earlier one that came too late may still take effect', async () => {
    vi.useFakeTimers();
    const { queue, keys, asked, childTransaction } = heldDatabase(directory);
    const late = queue.add([write('cell/a')]);
    await vi.advanceTimersByTimeAsync(5_000);
    await expect(late).resolves.toMatchObject([{ code: 'store-unavailable' }]);
    vi.useRealTimers();
    const second = queue.add([write('cell/a')]);
    await until(() => asked.length === 2);
    expect(childTransaction).toHaveBeenCalledOnce();
    asked[0].end();
    asked[1].begin();
    asked[1].end();
    expect(await second).toEqual(['conflict']);
    const third = queue.add([write('cell/b')]);
    await until(() => asked.length === 3);
    asked[2].end();
    expect(await third).toEqual(['committed']);
    expect(keys()).toEqual(['cell/a', 'cell/b']);
    expect(childTransaction).toHaveBeenCalledOnce();
  });

  it('of a shared database join until LMDB has begun the transaction, in which they are compared', async () => {
    const { queue, keys, asked, childTransaction } = heldDatabase(directory, false);
    const first = queue.add([write('cell/a')]);
    await until(() => asked.length === 1);
    const second = queue.add([write('cell/b')]);
    asked[0].begin();
    asked[0].end();
    expect(await Promise.all([first, second])).toEqual([['committed'], ['committed']]);
    expect(keys()).toEqual(['cell/a', 'cell/b']);
    expect(childTransaction).toHaveBeenCalledOnce();
  });

  it('of a shared database are not made by a transaction that begins after their time has passed', async () => {
    vi.useFakeTimers();
    const { queue, keys, asked } = heldDatabase(directory, false);
    const refused = expect(queue.add([write('cell/a')])).resolves.toMatchObject([{ code: 'store-unavailable' }]);
    await vi.advanceTimersByTimeAsync(5_000);
    await refused;
    asked[0].begin();
    asked[0].end();
    expect(keys()).toEqual([]);
  });

  it('are tried one by one when their transaction fails, and those that are made are kept', async () => {
    const { queue, recent, keys, asked } = heldDatabase(directory);
    for (const key of ['cell/a', 'cell/x']) recent.keep(key, new Uint8Array(17));
    const first = queue.add([write('cell/a')]);
    const second = expect(queue.add([write('cell/b')])).resolves.toMatchObject([{ code: 'store-unavailable' }]);
    await until(() => asked.length === 1);
    asked[0].fail();
    await until(() => asked.length === 2);
    expect(recent.get('cell/x')).toBeUndefined();
    expect(recent.get('cell/a')).toBeUndefined();
    asked[1].end();
    expect(await first).toEqual(['committed']);
    expect(recent.get('cell/a')?.bytes).toEqual(Uint8Array.of(1));
    await until(() => asked.length === 3);
    asked[2].fail();
    await second;
    expect(keys()).toEqual(['cell/a']);
    expect([recent.get('cell/a'), recent.get('cell/b')]).toEqual([undefined, undefined]);
  });
});
