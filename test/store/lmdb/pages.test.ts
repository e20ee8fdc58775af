import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StoreWrite } from '../../../src/domain/ports.ts';
import { openLmdbStore } from '../../../src/store/lmdb/lmdb.ts';
import { checkPages, lastTransaction } from '../../../src/store/lmdb/pages.ts';

const PAGE = 4_096;
const HEADER = 24;
/** Where a data file's newer root keeps the head of the tree of free pages, and in it the number of its first page. */
const FREE_LIST_ROOT = 48 + 40;

describe('the check of the pages of an LMDB data file', () => {
  let directory: string;
  let whole: Buffer;
  let freePage: number;
  let copies = 0;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cellstep-pages-'));
    const store = await openLmdbStore({ directory: join(directory, 'whole') });
    for (let n = 0; n < 600; n++) {
      const key = `session/s${n % 150}`;
      const revision = (await store.get(key))?.revision;
      const length = n % 50 === 0 ? 20_000 : 40 + (n % 9) * 90;
      await store.commit([{ key, ...(revision && { expect: revision }), bytes: Buffer.alloc(length, n) }]);
    }
    await store.close();
    whole = readFileSync(join(directory, 'whole', 'data.mdb'));
    const newer = whole.readBigUInt64LE(152) > whole.readBigUInt64LE(PAGE + 152) ? 0 : PAGE;
    freePage = Number(whole.readBigUInt64LE(newer + FREE_LIST_ROOT));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  /** The first entry of the tree of free pages: its position in the file, behind its head. */
  function firstFreeEntry(bytes: Buffer): number {
    const page = freePage * PAGE;
    expect(bytes.readUInt16LE(page + 18)).toBe(2);
    return page + HEADER + bytes.readUInt16LE(page + HEADER) + 8;
  }

  /** The file with these changes. */
  function file(change: (bytes: Buffer) => void): string {
    const copy = join(directory, `copy${++copies}`);
    cpSync(join(directory, 'whole'), copy, { recursive: true });
    const bytes = Buffer.from(whole);
    change(bytes);
    writeFileSync(join(copy, 'data.mdb'), bytes);
    return join(copy, 'data.mdb');
  }

  it('finds nothing wrong with a store that was changed much', () => {
    expect(() => checkPages(file(() => {}))).not.toThrow();
    expect(lastTransaction(file(() => {}))).toBeGreaterThan(600n);
  });

  it.each([
    ['page', 0, PAGE],
    ['first half', 0, PAGE / 2],
    ['second half', PAGE / 2, PAGE],
  ])('finds that the %s of the list of free pages was lost', (_, from, to) => {
    const torn = file((bytes) => bytes.fill(0, freePage * PAGE + from, freePage * PAGE + to));
    expect(() => checkPages(torn)).toThrow(/damaged/);
  });

  it('finds that a free page is in use', () => {
    const torn = file((bytes) => {
      const list = firstFreeEntry(bytes) + 8;
      const count = Number(bytes.readBigUInt64LE(list));
      expect(count).toBeGreaterThan(0);
      bytes.writeBigUInt64LE(BigInt(freePage), list + 8 * count);
    });
    expect(() => checkPages(torn)).toThrow(`page ${freePage} is used twice`);
  });

  it('finds a free page that is outside of the file', () => {
    const torn = file((bytes) => {
      const list = firstFreeEntry(bytes) + 8;
      bytes.writeBigUInt64LE(1n << 40n, list + 8 * Number(bytes.readBigUInt64LE(list)));
    });
    expect(() => checkPages(torn)).toThrow(/has no pages/);
  });

  it('finds a list of free pages that is longer than its bytes', () => {
    const torn = file((bytes) => bytes.writeBigUInt64LE(10_000n, firstFreeEntry(bytes) + 8));
    expect(() => checkPages(torn)).toThrow('its list of free pages is damaged');
  });

  it('finds any page in use that was written where another belongs, or is of a commit that is not there', () => {
    const found: number[] = [];
    for (let page = 2; page < whole.length / PAGE; page++) {
      const torn = [
        file((bytes) => bytes.writeBigUInt64LE(BigInt(page + 1), page * PAGE)),
        file((bytes) => bytes.writeBigUInt64LE(1n << 50n, page * PAGE + 8)),
      ].map((name) => {
        try {
          checkPages(name);
          return false;
        } catch {
          return true;
        }
      });
      expect(new Set(torn).size).toBe(1);
      if (torn[0]) found.push(page);
    }
    expect(found).toContain(freePage);
    expect(found.length).toBeGreaterThan(20);
  });

  it('finds that the file ends before a page in use', async () => {
    const torn = file(() => {});
    writeFileSync(torn, whole.subarray(0, 3 * PAGE));
    expect(() => checkPages(torn)).toThrow(/its file ends before byte/);
  });

  it('is part of the opening, which refuses before a commit can come to it', async () => {
    const torn = file((bytes) => bytes.fill(0, freePage * PAGE, freePage * PAGE + PAGE));
    await expect(openLmdbStore({ directory: join(torn, '..') })).rejects.toThrow(
      `store file ${torn} is damaged: page ${freePage} is damaged; restore a backup, or repair the disk`,
    );
  });
});

describe('free pages of the LMDB store', () => {
  it('are used again, in a file that stays sound, where many small values lie between those that were deleted', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'cellstep-free-'));
    const file = join(directory, 'data.mdb');
    const store = await openLmdbStore({ directory });
    const commitAll = (writes: readonly StoreWrite[]) => Promise.all(writes.map((write) => store.commit([write])));
    const small = Array.from({ length: 3_000 }, (_, k) => ({ key: `session/s${k}`, bytes: Buffer.alloc(5_000, k) }));
    const long = { key: 'variable/v', bytes: Buffer.alloc(2 ** 24, 1) };
    try {
      await commitAll(small);
      // Runs of two pages, with two entries and a gap each: more than LMDB looks through.
      const deleted = small.filter((_, k) => k % 2 === 1);
      await commitAll(deleted.map(({ key }) => ({ key, delete: true })));
      const sizes: number[] = [];
      for (let round = 0; round < 10; round++) {
        await store.commit([long]);
        await commitAll(deleted.slice(0, 300));
        await store.commit([{ key: long.key, delete: true }]);
        await commitAll(deleted.slice(0, 300).map(({ key }) => ({ key, delete: true })));
        sizes.push(statSync(file).size);
      }
      await store.close();
      checkPages(file);
      // One long value may still be taken from the end of the file.
      expect(sizes.at(-1)! - sizes[1]).toBeLessThan(2 * long.bytes.length);
      const again = await openLmdbStore({ directory });
      for (const [k, { key, bytes }] of small.entries()) {
        const stored = await again.get(key);
        if (k % 2 === 1) expect(stored).toBeUndefined();
        else expect(Buffer.compare(stored!.bytes, bytes)).toBe(0);
      }
      await again.close();
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
