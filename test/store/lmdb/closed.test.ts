import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../../src/domain/ports.ts';
import { openLmdbStore } from '../../../src/store/lmdb/lmdb.ts';

describe('the mark of an LMDB store that was closed in order', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cellstep-closed-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const isMarked = () => existsSync(join(directory, 'closed.mark'));
  const put = (store: Store, key: string) => store.commit([{ key, bytes: Buffer.alloc(3_000, key) }]);

  it('is there only while nobody has it open', async () => {
    for (let round = 0; round < 3; round++) {
      const store = await openLmdbStore({ directory });
      expect(isMarked()).toBe(false);
      if (round < 2) await put(store, `cell/${round}`);
      expect(isMarked()).toBe(false);
      await store.close();
      expect(isMarked()).toBe(true);
    }
  });

  it('is left by the last of those that share it', async () => {
    const first = await openLmdbStore({ directory, shared: true });
    const second = await openLmdbStore({ directory, shared: true });
    await put(first, 'cell/a');
    await first.close();
    expect(isMarked()).toBe(false);
    await put(second, 'cell/b');
    await second.close();
    expect(isMarked()).toBe(true);
    const third = await openLmdbStore({ directory, shared: true });
    expect(isMarked()).toBe(false);
    expect(await third.list('', undefined, 9)).toHaveLength(2);
    await third.close();
  });

  it('is not left where the store has failed, so that the next opening reads everything', async () => {
    const store = await openLmdbStore({ directory });
    for (const key of ['cell/a', 'cell/b']) await put(store, key);
    const file = join(directory, 'data.mdb');
    const at = readFileSync(file).indexOf(Buffer.alloc(3_000, 'cell/b'));
    const descriptor = openSync(file, 'r+');
    writeSync(descriptor, Buffer.of(0), 0, 1, at + 100);
    closeSync(descriptor);
    const change = store.commit([{ key: 'cell/b', expect: '00'.repeat(16), bytes: Buffer.of(1) }]);
    await expect(change).rejects.toMatchObject({ code: 'store-unavailable' });
    await store.close();
    expect(isMarked()).toBe(false);
    await expect(openLmdbStore({ directory })).rejects.toThrow(`${file} is damaged`);
  });
});
