import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../../src/domain/ports.ts';
import { dataFile } from '../../../src/store/lmdb/file.ts';
import { openLmdbStore } from '../../../src/store/lmdb/lmdb.ts';
import { StoreOpenError } from '../../../src/store/store-open-error.ts';
import { storeContract } from '../../contract/store-contract.ts';
import { usageContract } from '../../contract/usage-contract.ts';

for (const shared of [false, true]) {
  for (const contract of [storeContract, usageContract]) {
    contract(shared ? 'the LMDB store that processes share' : 'the LMDB store', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'cellstep-store-'));
      const store = await openLmdbStore({ directory, shared });
      return {
        store,
        cleanup: async () => {
          await store.close();
          rmSync(directory, { recursive: true });
        },
      };
    });
  }
}

describe('the LMDB store on its directory', () => {
  let base: string;
  let directory: string;
  let stores: Store[];

  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'cellstep-store-'));
    directory = join(base, 'a', 'data.d');
    stores = [];
  });
  afterEach(async () => {
    for (const store of stores) await store.close();
    rmSync(base, { recursive: true });
  });

  async function openHere(shared = false): Promise<Store> {
    const store = await openLmdbStore({ directory, shared });
    stores.push(store);
    return store;
  }

  it('begins to write a commit in the turn in which it was asked for', async () => {
    const store = await openHere();
    const committed = store.commit([{ key: 'cell/now', expect: null, bytes: Buffer.from('these bytes') }]);
    // The end of this turn comes before this.
    await new Promise((resolve) => setImmediate(resolve));
    // The event loop is held until another thread has written it.
    for (let tries = 0; tries < 1_000 && !readFileSync(dataFile(directory)).includes('these bytes'); tries++) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
    expect(readFileSync(dataFile(directory)).includes('these bytes')).toBe(true);
    expect(await committed).toBe('committed');
  });

  async function setFormat(format: string): Promise<void> {
    const root = open<string, string>({ path: directory, encoding: 'string', noSubdir: false });
    await root.put('cellstep-format', format);
    await root.close();
  }

  it('keeps everything, revisions included, when it is opened again', async () => {
    const first = await openHere();
    for (let n = 0; n < 300; n++) await first.commit([{ key: `cell/c${n}`, bytes: Buffer.alloc(n * 20, n) }]);
    const before = await first.list('', undefined, 1_000);
    await first.close();
    const again = await openHere();
    expect(before).toHaveLength(300);
    expect(await again.list('', undefined, 1_000)).toEqual(before);
    expect(await again.commit([{ key: 'cell/c0', expect: before[0].revision, bytes: Buffer.of(1) }])).toBe('committed');
  });

  it('gives no revision again after it was opened again', async () => {
    const revisions = new Set<string>();
    for (let round = 0; round < 3; round++) {
      const store = await openHere();
      await store.commit([{ key: 'cell/a', expect: null, bytes: Buffer.of(1) }]);
      revisions.add((await store.get('cell/a'))!.revision);
      await store.commit([{ key: 'cell/a', delete: true }]);
      await store.close();
    }
    expect(revisions.size).toBe(3);
  });

  it('makes the directory for its user only', async () => {
    await openHere();
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'data.mdb')).mode & 0o077).toBe(0);
  });

  describe('lock', () => {
    it('refuses a second opening in the same process, and allows it after close', async () => {
      const store = await openHere();
      await expect(openHere()).rejects.toThrow(StoreOpenError);
      await expect(openHere()).rejects.toThrow(`${directory} is in use by process ${process.pid}`);
      await store.close();
      await expect(openHere()).resolves.toBeDefined();
    });

    it('does not trust a pid file, for any process that it names', async () => {
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, 'holder.pid'), `${process.pid}\n`);
      await expect(openHere()).resolves.toBeDefined();
    });

    it('goes to exactly one of many that open at once', async () => {
      const opened = await Promise.allSettled(Array.from({ length: 4 }, () => openHere()));
      expect(opened.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    it('is not shared with one who holds it alone', async () => {
      await openHere(false);
      await expect(openHere(true)).rejects.toThrow('is in use by process');
    });

    it('is released when opening fails after it was taken', async () => {
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, 'data.mdb'), 'x');
      await expect(openHere()).rejects.toThrow(StoreOpenError);
      rmSync(join(directory, 'data.mdb'));
      await expect(openHere()).resolves.toBeDefined();
    });
  });

  it('takes over a store of the format before, which is then of the present one', async () => {
    const store = await openHere();
    await store.commit([{ key: 'session/a', bytes: new Uint8Array([1]) }]);
    await store.close();
    await setFormat('3');
    const again = await openHere();
    expect((await again.get('session/a'))?.bytes).toEqual(new Uint8Array([1]));
    await again.close();
    const root = open<string, string>({ path: directory, encoding: 'string', noSubdir: false });
    expect(root.get('cellstep-format')).toBe('4');
    await root.close();
  });

  describe('refuses to open', () => {
    it('a file', async () => {
      mkdirSync(join(base, 'a'));
      writeFileSync(directory, 'x');
      await expect(openHere()).rejects.toThrow(/cannot be made or written: EEXIST/);
    });

    it('a directory that cannot be made', async () => {
      writeFileSync(join(base, 'a'), 'x');
      await expect(openHere()).rejects.toThrow(StoreOpenError);
      await expect(openHere()).rejects.toThrow(/cannot be made or written: ENOTDIR/);
      directory = '/proc/cellstep';
      await expect(openHere()).rejects.toThrow(/store directory \/proc\/cellstep cannot be made or written/);
    });

    it('a directory in which nothing can be made', async () => {
      directory = '/proc/self/task';
      await expect(openHere()).rejects.toThrow(/store directory \/proc\/self\/task cannot be (locked|made or written)/);
    });

    it.each([
      ['text', Buffer.alloc(100_000, 'x')],
      ['zeros', Buffer.alloc(100_000)],
      ['one byte', Buffer.of(1)],
    ])('a file that is not a database: %s', async (_, content) => {
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, 'data.mdb'), content);
      await expect(openHere()).rejects.toThrow(/data\.mdb is damaged or not an LMDB database/);
    });

    it('a database that was cut off in its head', async () => {
      await (await openHere()).close();
      truncateSync(join(directory, 'data.mdb'), 4_100);
      await expect(openHere()).rejects.toThrow(StoreOpenError);
    });

    it('a store of another format, and leaves it as it is', async () => {
      await (await openHere()).close();
      for (const format of ['1', '5', 'x']) {
        await setFormat(format);
        await expect(openHere()).rejects.toThrow(
          `${directory} holds a store of format ${format}; this version of cellstep reads format 4. Use the version`,
        );
        await expect(openHere()).rejects.toThrow(StoreOpenError);
      }
      await setFormat('2');
      await expect(openHere()).resolves.toBeDefined();
    });

    it("another program's LMDB database", async () => {
      const other = open<string, string>({ path: directory, encoding: 'string', noSubdir: false });
      await other.put('their', 'data');
      await other.close();
      await expect(openHere()).rejects.toThrow('holds an LMDB database that is not a store of cellstep');
    });
  });
});

describe('what tenants keep', () => {
  it('is counted anew after a version has written that does not count, and survives an end without closing', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'cellstep-store-'));
    const store = await openLmdbStore({ directory });
    await store.commit([{ key: '@acme/cell/a', bytes: new Uint8Array(10) }]);
    const counted = await store.usages();
    await store.close();
    const root = open<string, string>({ path: directory, noSubdir: false, encoding: 'string' });
    await root.openDB({ name: 'usages', encoding: 'json' }).clearAsync();
    await root.close();
    const again = await openLmdbStore({ directory });
    expect(await again.usages()).toEqual(counted);
    expect(counted.get('acme')).toEqual({ cell: 1, session: 0, variable: 0, keys: 1, bytes: 'cell/a'.length + 10 });
    await again.close();
    rmSync(directory, { recursive: true });
  });
});
