import {
  appendFileSync,
  closeSync,
  cpSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../../src/domain/ports.ts';
import { openLmdbStore } from '../../../src/store/lmdb/lmdb.ts';
import { StoreOpenError } from '../../../src/store/store-open-error.ts';
import { SEED } from '../../support/seed.ts';

const PAGE = 4_096;

/** Mulberry32: the same numbers from [0, 1) for the same seed. */
function randomNumbers(): () => number {
  let state = SEED;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const values = new Map<string, Buffer>(
  Array.from({ length: 400 }, (_, n) => [`session/s${n}`, Buffer.alloc(50 + (n % 40) * 13, `value ${n}.`)]),
);
for (let n = 0; n < 4; n++) values.set(`cell/c${n}`, Buffer.alloc(9_000, `cell ${n}.`));

describe('an LMDB store whose file was torn while it was closed', () => {
  let base: string;
  let pages: number;
  let copies = 0;

  beforeAll(async () => {
    base = mkdtempSync(join(tmpdir(), 'cellstep-torn-'));
    const store = await openLmdbStore({ directory: join(base, 'whole') });
    for (const [key, bytes] of values) await store.commit([{ key, bytes }]);
    await store.close();
    pages = statSync(join(base, 'whole', 'data.mdb')).size / PAGE;
  });
  afterAll(() => rmSync(base, { recursive: true }));

  function torn(tear: (file: string) => void): string {
    const directory = join(base, `copy${++copies}`);
    cpSync(join(base, 'whole'), directory, { recursive: true });
    tear(join(directory, 'data.mdb'));
    return directory;
  }

  function overwrite(file: string, position: number, bytes: Uint8Array): void {
    const descriptor = openSync(file, 'r+');
    writeSync(descriptor, bytes, 0, bytes.length, position);
    closeSync(descriptor);
  }

  async function expectWhole(store: Store): Promise<void> {
    for (const [key, bytes] of values) expect(Buffer.compare((await store.get(key))!.bytes, bytes)).toBe(0);
    expect(await store.list('', undefined, 1_000)).toHaveLength(values.size);
  }

  /** The list of free pages is first read by a commit. */
  async function commitOrFail(store: Store): Promise<void> {
    try {
      expect(await store.commit([{ key: 'cell/after', bytes: Buffer.of(1) }])).toBe('committed');
    } catch (error) {
      expect(error).toMatchObject({ code: 'store-unavailable' });
    }
  }

  /** Either it has everything, or it says that it is damaged; which, is told. */
  async function openTorn(directory: string): Promise<'whole' | 'refused'> {
    try {
      const store = await openLmdbStore({ directory });
      await expectWhole(store);
      await commitOrFail(store);
      await store.close();
      return 'whole';
    } catch (error) {
      expect(error).toBeInstanceOf(StoreOpenError);
      expect(String(error)).toMatch(/^StoreOpenError: store file .*data\.mdb is damaged.*$/);
      return 'refused';
    }
  }

  it('is refused or whole, and never answers wrongly, whichever page is torn and however', async () => {
    console.log(`SEED=${SEED}`);
    const random = randomNumbers();
    const some = Array.from({ length: 8 }, () => 2 + Math.floor(random() * (pages - 2)));
    const outcomes = { whole: 0, refused: 0 };
    for (const page of [0, 1, pages - 1, ...some]) {
      const noise = Uint8Array.from({ length: PAGE }, () => Math.floor(random() * 256));
      for (const [offset, bytes] of [
        [0, new Uint8Array(PAGE)],
        [PAGE / 2, new Uint8Array(PAGE / 2)],
        [0, noise],
      ] as const) {
        outcomes[await openTorn(torn((file) => overwrite(file, page * PAGE + offset, bytes)))]++;
      }
    }
    // Free pages may hold anything.
    expect(outcomes.refused).toBeGreaterThan(5);
    expect(outcomes.whole).toBeGreaterThan(0);
  });

  it.each([PAGE, PAGE + 1, 10 * PAGE])('is refused when %i bytes of its end are missing', async (missing) => {
    const directory = torn((file) => truncateSync(file, pages * PAGE - missing));
    expect(await openTorn(directory)).toBe('refused');
  });

  it('is whole when a page that no commit had come to use was half written behind its end', async () => {
    const directory = torn((file) => appendFileSync(file, Buffer.alloc(PAGE + 700, 0xa5)));
    expect(await openTorn(directory)).toBe('whole');
  });

  it('is left as it is when it is refused', async () => {
    const directory = torn((file) => overwrite(file, (pages - 1) * PAGE, new Uint8Array(PAGE)));
    const before = readFileSync(join(directory, 'data.mdb'));
    expect(await openTorn(directory)).toBe('refused');
    expect(Buffer.compare(readFileSync(join(directory, 'data.mdb')), before)).toBe(0);
  });

  it('answers 503 for a record that is damaged while it is open, and serves the others', async () => {
    const directory = torn(() => {});
    const store = await openLmdbStore({ directory });
    const file = join(directory, 'data.mdb');
    const at = readFileSync(file).indexOf(values.get('cell/c2')!);
    overwrite(file, at + 5_000, Buffer.of(0));
    const damaged = { code: 'store-unavailable', message: 'The store failed: the record cell/c2 is damaged.' };
    await expect(store.get('cell/c2')).rejects.toMatchObject(damaged);
    await expect(store.list('cell/', undefined, 9)).rejects.toMatchObject(damaged);
    await expect(
      store.commit([{ key: 'cell/c2', expect: '00'.repeat(16), bytes: Buffer.of(1) }]),
    ).rejects.toMatchObject(damaged);
    expect(Buffer.compare((await store.get('cell/c1'))!.bytes, values.get('cell/c1')!)).toBe(0);
    await store.close();
  });
});
