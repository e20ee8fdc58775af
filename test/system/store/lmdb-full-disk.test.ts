import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Store } from '../../../src/domain/ports.ts';
import { Problem } from '../../../src/domain/problems.ts';
import { openLmdbStore } from '../../../src/store/lmdb/lmdb.ts';
import { StoreOpenError } from '../../../src/store/store-open-error.ts';

const MEGABYTE = 2 ** 20;
const mountPoint = mkdtempSync(join(tmpdir(), 'cellstep-full-'));
const mount = (options: string) => spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', mountPoint]);
const mounted = mount('size=6m');
const reason = mounted.error?.message ?? mounted.stderr.toString().trim();
if (mounted.status !== 0) console.warn(`The tests of a full disk do not run: a tmpfs cannot be mounted (${reason}).`);

afterAll(() => {
  if (mounted.status === 0) spawnSync('umount', [mountPoint]);
  rmSync(mountPoint, { recursive: true });
});

/** Commits values of `size` bytes, several at a time, until one is refused; the keys that were acknowledged. */
async function fill(store: Store, name: string, size: number): Promise<{ kept: string[]; problems: unknown[] }> {
  const kept: string[] = [];
  const problems: unknown[] = [];
  for (let round = 0; problems.length === 0 && round < 10_000; round++) {
    await Promise.all(
      Array.from({ length: 4 }, async (_, lane) => {
        const key = `cell/${name}.${round}.${lane}`;
        try {
          await store.commit([{ key, bytes: new Uint8Array(size).fill(round) }]);
          kept.push(key);
        } catch (error) {
          problems.push(error);
        }
      }),
    );
  }
  return { kept, problems };
}

const mountedAnew = (size: string) => {
  if (mounted.status === 0) spawnSync('umount', [mountPoint]);
  expect(mount(`size=${size}`).status).toBe(0);
};

describe.skipIf(mounted.status !== 0)('the LMDB store on a full disk', () => {
  it('refuses with store-full, loses nothing, and goes on when there is room', async () => {
    let store = await openLmdbStore({ directory: join(mountPoint, 'data') });
    const kept: string[] = [];
    for (const size of [300_000, 20_000, 1_000]) {
      const filled = await fill(store, `s${size}`, size);
      kept.push(...filled.kept);
      for (const problem of filled.problems) {
        expect(problem).toBeInstanceOf(Problem);
        expect(problem).toMatchObject({ code: 'store-full' });
      }
      expect(filled.problems.length).toBeGreaterThan(0);
    }
    expect(kept.length).toBeGreaterThan(10);
    const listed = async () => (await store.list('', undefined, 10_000)).map(({ key }) => key);
    expect(await listed()).toEqual(kept.toSorted());
    await expect(store.check()).rejects.toMatchObject({ code: 'store-full' });

    await store.close();
    store = await openLmdbStore({ directory: join(mountPoint, 'data') });
    expect(await listed()).toEqual(kept.toSorted());
    for (const key of kept) expect((await store.get(key))!.bytes.length).toBe(Number(key.match(/\.?s(\d+)/)![1]));

    expect(mount('remount,size=16m').status).toBe(0);
    await expect(store.commit([{ key: 'cell/after', bytes: new Uint8Array(MEGABYTE) }])).resolves.toBe('committed');
    await expect(store.check()).resolves.toBeUndefined();
    await store.close();
  });

  it('serves deletions while it is full, and takes new values in their room', async () => {
    mountedAnew('16m');
    const store = await openLmdbStore({ directory: join(mountPoint, 'second') });
    const { kept } = await fill(store, 'a', 100_000);
    // LMDB copies a page before it changes it, so on a full disk a deletion itself needs a page that an earlier one left.
    for (const key of kept.slice(0, 20)) await store.commit([{ key, delete: true }]);
    await store.commit([{ key: 'cell/new', bytes: new Uint8Array(50_000).fill(9) }]);
    expect((await store.get('cell/new'))!.bytes.every((byte) => byte === 9)).toBe(true);
    expect(await store.get(kept[0])).toBeUndefined();
    expect(await store.get(kept[20])).toBeDefined();
    await store.close();
  });

  it('refuses what is too large for the disk without refusing what is committed beside it', async () => {
    mountedAnew('40m');
    const store = await openLmdbStore({ directory: join(mountPoint, 'third') });
    const results = await Promise.allSettled([
      store.commit([{ key: 'cell/small', bytes: new Uint8Array(10) }]),
      store.commit([{ key: 'cell/large', bytes: new Uint8Array(60 * MEGABYTE) }]),
      store.commit([{ key: 'cell/other', bytes: new Uint8Array(10) }]),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((await store.list('', undefined, 10)).map(({ key }) => key)).toEqual(['cell/other', 'cell/small']);
    await store.close();
  });

  it('reports a full disk when it is made', async () => {
    mountedAnew('64k');
    const opening = openLmdbStore({ directory: join(mountPoint, 'fourth') });
    await expect(opening).rejects.toThrow(/has no room for a store: ENOSPC/);
    await expect(opening).rejects.toThrow(StoreOpenError);
  });
});
