import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store, StoredEntry, StoreWrite } from '../../src/domain/ports.ts';
import { commitAll, getAll } from '../../src/domain/store-calls.ts';
import { runs } from '../support/runs.ts';

export interface StoreUnderTest {
  readonly store: Store;
  readonly cleanup: () => Promise<void>;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const read = (bytes: Uint8Array | undefined): string | undefined => bytes && new TextDecoder().decode(bytes);

/** What every implementation of the Store port does, whatever keeps the bytes. */
export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the store contract`, () => {
    let store: Store;
    let cleanup: () => Promise<void>;

    beforeEach(async () => {
      ({ store, cleanup } = await open());
    });
    afterEach(() => cleanup());

    async function put(key: string, value: string): Promise<string> {
      expect(await store.commit([{ key, bytes: text(value) }])).toBe('committed');
      return (await store.get(key))!.revision;
    }
    const value = async (key: string): Promise<string | undefined> => read((await store.get(key))?.bytes);
    const keys = (entries: readonly StoredEntry[]): string[] => entries.map(({ key }) => key);

    describe('get and commit', () => {
      it('returns committed values, and nothing for other keys', async () => {
        await put('cell/a', 'one');
        expect(await value('cell/a')).toBe('one');
        expect(await store.get('cell/b')).toBeUndefined();
        expect(await store.get('cell/a/b')).toBeUndefined();
      });

      it('finds nothing under what cannot be a key', async () => {
        for (const key of ['', 'cell', 'cell/', 'cell/é', `cell/a/${'x'.repeat(5_000)}`]) {
          expect(await store.get(key)).toBeUndefined();
        }
      });

      it('overwrites with another revision, even with equal bytes', async () => {
        const first = await put('cell/a', 'same');
        const second = await put('cell/a', 'same');
        expect(second).not.toBe(first);
      });

      it('deletes, and deletes what is not there without complaint', async () => {
        await put('cell/a', 'one');
        expect(await store.commit([{ key: 'cell/a', delete: true }])).toBe('committed');
        expect(await store.get('cell/a')).toBeUndefined();
        expect(await store.commit([{ key: 'cell/a', delete: true }])).toBe('committed');
      });

      it('writes several keys of one owner at once, with one revision', async () => {
        await store.commit([
          { key: 'session/s', bytes: text('state') },
          { key: 'session-reply/s/k', bytes: text('reply') },
        ]);
        const [state, reply] = [await store.get('session/s'), await store.get('session-reply/s/k')];
        expect([read(state?.bytes), read(reply?.bytes)]).toEqual(['state', 'reply']);
        expect(state?.revision).toBe(reply?.revision);
      });

      it('commits nothing at all as an empty commit', async () => {
        expect(await store.commit([])).toBe('committed');
        expect(await store.list('', undefined, 10)).toEqual([]);
      });

      it('keeps an empty value apart from none', async () => {
        await store.commit([{ key: 'cell/a', bytes: new Uint8Array(0) }]);
        expect((await store.get('cell/a'))?.bytes).toHaveLength(0);
        expect(await store.commit([{ key: 'cell/a', expect: null, bytes: text('x') }])).toBe('conflict');
      });

      it('keeps values of every size around a page and of 5 MB, byte for byte', async () => {
        const sizes = [1, 15, 16, 17, 1_023, 2_000, 2_050, 4_079, 4_080, 4_096, 8_192, 40_000, 5 * 2 ** 20];
        for (const [index, size] of sizes.entries()) {
          const bytes = Uint8Array.from({ length: size }, (_, at) => (at * 31 + size) & 0xff);
          await store.commit([{ key: `cell/c${index}`, bytes }]);
          const got = (await store.get(`cell/c${index}`))!.bytes;
          expect(Buffer.compare(got, bytes)).toBe(0);
        }
        const listed = await store.list('cell/', undefined, 100);
        expect(listed.map(({ bytes }) => bytes.length).sort((a, b) => a - b)).toEqual(sizes);
      });

      it('takes keys of 1,000 characters', async () => {
        const key = `cell/a/${'k'.repeat(993)}`;
        await put(key, 'long');
        expect(await value(key)).toBe('long');
        expect(keys(await store.list('cell/', undefined, 10))).toEqual([key]);
      });
    });

    describe('many calls at once', () => {
      it('find the values of keys in their order, also where there is none', async () => {
        await put('cell/a', 'one');
        await put('cell/b', 'x'.repeat(100_000));
        const found = await getAll(store, ['cell/b', 'cell/c', 'cell/a', 'no key']);
        expect(found.map((one) => read(one?.bytes)?.length)).toEqual([100_000, undefined, 3, undefined]);
        expect(found[2]?.revision).toBe((await store.get('cell/a'))?.revision);
      });

      it('commit each on its own: one that conflicts leaves the others as they are', async () => {
        const revision = await put('cell/b', 'old');
        const ends = await commitAll(store, [
          [{ key: 'cell/a', expect: null, bytes: text('new') }],
          [
            { key: 'cell/b', expect: null, bytes: text('new') },
            { key: 'cell-uses/b', bytes: text('new') },
          ],
          [{ key: 'cell/b', expect: revision, bytes: text('newer') }],
          [{ key: 'cell/c', bytes: text('y'.repeat(100_000)) }],
        ]);
        expect(ends).toEqual(['committed', 'conflict', 'committed', 'committed']);
        const found = await getAll(store, ['cell/a', 'cell/b', 'cell-uses/b', 'cell/c']);
        expect(found.map((one) => read(one?.bytes)?.slice(0, 5))).toEqual(['new', 'newer', undefined, 'yyyyy']);
        expect(await getAll(store, [])).toEqual([]);
        expect(await commitAll(store, [])).toEqual([]);
      });

      it('commit in the order of the calls, beside other commits', async () => {
        const one = store.commit([{ key: 'cell/a', bytes: text('1') }]);
        const many = commitAll(store, [[{ key: 'cell/a', bytes: text('2') }], [{ key: 'cell/a', bytes: text('3') }]]);
        await Promise.all([one, many]);
        expect(await value('cell/a')).toBe('3');
      });
    });

    describe('expect', () => {
      it('null lets a key be made once', async () => {
        const create: StoreWrite = { key: 'cell/a', expect: null, bytes: text('x') };
        expect(await store.commit([create])).toBe('committed');
        expect(await store.commit([create])).toBe('conflict');
      });

      it('a revision lets only its own value be replaced or deleted', async () => {
        const old = await put('cell/a', 'one');
        const now = await put('cell/a', 'two');
        expect(await store.commit([{ key: 'cell/a', expect: old, bytes: text('three') }])).toBe('conflict');
        expect(await store.commit([{ key: 'cell/a', expect: old, delete: true }])).toBe('conflict');
        expect(await value('cell/a')).toBe('two');
        expect(await store.commit([{ key: 'cell/a', expect: now, delete: true }])).toBe('committed');
      });

      it('a revision conflicts with a key that is not there', async () => {
        const revision = await put('cell/a', 'one');
        expect(await store.commit([{ key: 'cell/b', expect: revision, bytes: text('x') }])).toBe('conflict');
      });

      it('left out takes whatever is there', async () => {
        await put('cell/a', 'one');
        expect(await store.commit([{ key: 'cell/a', bytes: text('two') }])).toBe('committed');
      });

      it('alone only checks', async () => {
        const revision = await put('cell/a', 'one');
        expect(await store.commit([{ key: 'cell/a', expect: revision }])).toBe('committed');
        expect((await store.get('cell/a'))?.revision).toBe(revision);
        expect(await store.commit([{ key: 'cell/a', expect: null }])).toBe('conflict');
        expect(await store.commit([{ key: 'cell/z', expect: null }])).toBe('committed');
        expect(await store.get('cell/z')).toBeUndefined();
      });

      it('failing for one key leaves every key of the commit as it was', async () => {
        await put('cell/a', 'one');
        const outcome = await store.commit([
          { key: 'cell-variable/a/kernel', bytes: text('new') },
          { key: 'cell/a', expect: null, bytes: text('two') },
          { key: 'cell-variable/a/bias', bytes: text('new') },
        ]);
        expect(outcome).toBe('conflict');
        expect(keys(await store.list('', undefined, 10))).toEqual(['cell/a']);
        expect(await value('cell/a')).toBe('one');
      });

      it('never sees a revision again after a delete and a new creation', async () => {
        const old = await put('cell/a', 'one');
        await store.commit([{ key: 'cell/a', delete: true }]);
        expect(await put('cell/a', 'one')).not.toBe(old);
        expect(await store.commit([{ key: 'cell/a', expect: old, bytes: text('two') }])).toBe('conflict');
      });
    });

    describe('races', () => {
      it('lets one of two racing compare-and-sets win', async () => {
        const revision = await put('cell/a', 'start');
        const outcomes = await Promise.all(
          ['left', 'right'].map((side) => store.commit([{ key: 'cell/a', expect: revision, bytes: text(side) }])),
        );
        expect(outcomes.toSorted()).toEqual(['committed', 'conflict']);
        expect(await value('cell/a')).toBe(outcomes[0] === 'committed' ? 'left' : 'right');
      });

      it('lets one of twenty racing creations win', async () => {
        const create = (n: number) => store.commit([{ key: 'cell/a', expect: null, bytes: text(`${n}`) }]);
        const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => create(n)));
        expect(outcomes.filter((outcome) => outcome === 'committed')).toHaveLength(1);
        expect(await value('cell/a')).toBe(`${outcomes.indexOf('committed')}`);
      });

      it('loses no increment of fifty concurrent ones that retry', async () => {
        await put('session/n', '0');
        async function increment(): Promise<void> {
          const { revision, bytes } = (await store.get('session/n'))!;
          const next = text(`${Number(read(bytes)) + 1}`);
          const outcome = await store.commit([{ key: 'session/n', expect: revision, bytes: next }]);
          if (outcome === 'conflict') await increment();
        }
        await Promise.all(Array.from({ length: 50 }, increment));
        expect(await value('session/n')).toBe('50');
      });

      it('applies commits in the order of the calls', async () => {
        const writes = Array.from({ length: 30 }, (_, n) => store.commit([{ key: 'cell/a', bytes: text(`${n}`) }]));
        await Promise.all(writes);
        expect(await value('cell/a')).toBe('29');
      });

      it('shows nothing of a commit before it has returned to the event loop', async () => {
        const commit = store.commit([{ key: 'cell/a', bytes: text('x') }]);
        const early = store.get('cell/a');
        expect(await early).toBeUndefined();
        await commit;
        expect(await value('cell/a')).toBe('x');
      });

      it('never goes back while it is written to, whether by getting or by listing', async () => {
        let writing = true;
        const count = async (): Promise<number> => Number((await value('cell/a')) ?? 0);
        const listed = async (): Promise<number> =>
          Number(read((await store.list('cell/', undefined, 1))[0]?.bytes) ?? 0);
        async function write(): Promise<void> {
          for (let k = 1; k <= 300; k++) {
            await store.commit([{ key: 'cell/a', bytes: text(`${k}`) }]);
            expect(await count()).toBe(k);
          }
          writing = false;
        }
        async function watch(): Promise<void> {
          for (let seen = 0, turn = 0; writing; turn++) {
            const now = await (turn % 2 === 0 ? listed() : count());
            expect(now).toBeGreaterThanOrEqual(seen);
            seen = now;
            if (turn % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
          }
        }
        await Promise.all([write(), watch()]);
        expect(await count()).toBe(300);
      });

      it('never shows one key of a commit without the other', async () => {
        let done = false;
        const writing = (async () => {
          for (let n = 0; n < 200; n++) {
            const bytes = text(`${n}`);
            await store.commit(['session/a', 'session/a/x'].map((key) => ({ key, bytes })));
          }
          done = true;
        })();
        let seen = 0;
        while (!done) {
          const listed = await store.list('session/a', undefined, 2);
          expect(new Set(listed.map(({ bytes }) => read(bytes))).size).toBeLessThanOrEqual(1);
          seen += listed.length;
          await new Promise(setImmediate);
        }
        await writing;
        expect(seen).toBeGreaterThan(0);
      });
    });

    describe('bytes that cross the port', () => {
      it('are copied in: the caller may change its buffer at once', async () => {
        const bytes = text('before');
        const commit = store.commit([{ key: 'cell/a', bytes }]);
        bytes.fill(0);
        await commit;
        expect(await value('cell/a')).toBe('before');
        bytes.fill(1);
        expect(await value('cell/a')).toBe('before');
      });

      it('are read from the window that a view shows', async () => {
        const whole = text('xxhelloxx');
        await store.commit([{ key: 'cell/a', bytes: whole.subarray(2, 7) }]);
        expect(await value('cell/a')).toBe('hello');
      });

      it.each([5, 3_000, 100_000])('are copied out: a reader may change the %i bytes it got', async (size) => {
        await store.commit([{ key: 'cell/a', bytes: new Uint8Array(size).fill(7) }]);
        const got = (await store.get('cell/a'))!.bytes;
        const listed = (await store.list('cell/', undefined, 1))[0].bytes;
        got.fill(1);
        listed.fill(2);
        expect((await store.get('cell/a'))!.bytes.every((byte) => byte === 7)).toBe(true);
        expect(got.every((byte) => byte === 1)).toBe(true);
      });

      it('stay as they were read, whatever is read or written later', async () => {
        await put('cell/a', 'first');
        const got = (await store.get('cell/a'))!.bytes;
        const listed = (await store.list('cell/', undefined, 1))[0].bytes;
        for (let n = 0; n < 50; n++) {
          await put('cell/a', `later ${n}`);
          await value('cell/a');
        }
        expect([read(got), read(listed)]).toEqual(['first', 'first']);
      });

      it('have a buffer of their own, from its beginning', async () => {
        await put('cell/a', '12345678');
        for (const { bytes } of [(await store.get('cell/a'))!, (await store.list('cell/', undefined, 1))[0]]) {
          expect([bytes.byteOffset, bytes.buffer.byteLength, bytes.constructor]).toEqual([0, 8, Uint8Array]);
        }
      });
    });

    describe('list', () => {
      beforeEach(async () => {
        const all = ['cell/b', 'cell/a', 'cell/a.1', 'cell/A', 'cell/a/x', 'cell/a-b', 'cell/a0', 'cell-variable/a/k'];
        for (const key of [...all, 'session/z', 'checkpoint/a']) await put(key, key);
      });
      const cells = ['cell/A', 'cell/a', 'cell/a-b', 'cell/a.1', 'cell/a/x', 'cell/a0', 'cell/b'];

      it('shows exactly the keys with the prefix, in byte order, with their values', async () => {
        const listed = await store.list('cell/', undefined, 100);
        expect(keys(listed)).toEqual(cells);
        expect(listed.map(({ bytes }) => read(bytes))).toEqual(cells);
        expect(listed[1].revision).toBe((await store.get('cell/a'))!.revision);
        expect(keys(await store.list('cell/a/', undefined, 100))).toEqual(['cell/a/x']);
        expect(keys(await store.list('cell-variable/', undefined, 100))).toEqual(['cell-variable/a/k']);
        expect(await store.list('nothing/', undefined, 100)).toEqual([]);
      });

      it('shows every key under the empty prefix, and nothing of its own', async () => {
        expect(keys(await store.list('', undefined, 100))).toEqual([
          'cell-variable/a/k',
          ...cells,
          'checkpoint/a',
          'session/z',
        ]);
      });

      it('pages through all keys once, whatever the size of the page', async () => {
        for (const limit of [1, 2, 3, 7, 50]) {
          const seen: string[] = [];
          let page = await store.list('cell/', undefined, limit);
          while (page.length > 0) {
            expect(page.length).toBeLessThanOrEqual(limit);
            seen.push(...keys(page));
            page = await store.list('cell/', seen.at(-1), limit);
          }
          expect(seen).toEqual(cells);
        }
        expect(await store.list('cell/', undefined, 0)).toEqual([]);
      });

      it('ends with the entry that reaches the bytes that are asked for, and goes on after it', async () => {
        await put('session/a', 'x'.repeat(1000));
        await put('session/b', 'x'.repeat(5000));
        await put('session/c', 'x'.repeat(1000));
        const first = await store.list('session/', undefined, 100, 4000);
        expect(keys(first)).toEqual(['session/a', 'session/b']);
        expect(keys(await store.list('session/', 'session/b', 100, 4000))).toEqual(['session/c', 'session/z']);
        expect(keys(await store.list('session/', undefined, 100, 1))).toEqual(['session/a']);
        expect(keys(await store.list('session/', undefined, 2, 1_000_000))).toEqual(['session/a', 'session/b']);
      });

      it('starts after any text, whether or not it is a key or has the prefix', async () => {
        const from = async (text: string) => keys(await store.list('cell/', text, 100));
        expect(await from('')).toEqual(cells);
        expect(await from('cell/')).toEqual(cells);
        expect(await from('cell/a')).toEqual(cells.slice(2));
        expect(await from('cell/a ')).toEqual(cells.slice(2));
        expect(await from('cell/aé')).toEqual(['cell/b']);
        expect(await from(`cell/a${'z'.repeat(5_000)}`)).toEqual(['cell/b']);
        expect(await from('cell/b')).toEqual([]);
        expect(await from('zzz')).toEqual([]);
        expect(await store.list(`cell/${'x'.repeat(5_000)}`, undefined, 10)).toEqual([]);
        expect(await store.list('céll/', undefined, 10)).toEqual([]);
      });

      it('follows deletions and new keys', async () => {
        await store.commit([{ key: 'cell/a', delete: true }]);
        await put('cell/aa', 'new');
        expect(keys(await store.list('cell/a', undefined, 100))).toEqual([
          'cell/a-b',
          'cell/a.1',
          'cell/a/x',
          'cell/a0',
          'cell/aa',
        ]);
      });
    });

    describe('mistakes of the caller', () => {
      const bytes = text('x');
      it.each<[string, StoreWrite[], RegExp]>([
        [
          'two owners',
          [
            { key: 'cell/a', bytes },
            { key: 'cell/b', bytes },
          ],
          /two owners, cell\/a and cell\/b/,
        ],
        [
          'two kinds of owner',
          [
            { key: 'cell/a', bytes },
            { key: 'session/a', bytes },
          ],
          /two owners/,
        ],
        [
          'a repeated key',
          [
            { key: 'cell/a', bytes },
            { key: 'cell/a', delete: true },
          ],
          /cell\/a twice/,
        ],
        ['a malformed key', [{ key: 'cell', bytes }], /"cell" is malformed/],
        ['a key of 1,001 characters', [{ key: `cell/a/${'k'.repeat(994)}`, bytes }], /1001 characters/],
        ['a write that also deletes', [{ key: 'cell/a', bytes, delete: true }], /both writes and deletes/],
      ])('are refused before anything is written: %s', async (_, writes, message) => {
        await expect(store.commit(writes)).rejects.toThrow(message);
        expect(await store.list('', undefined, 10)).toEqual([]);
        expect(await store.commit([{ key: 'cell/a', bytes }])).toBe('committed');
      });
    });

    describe('check and close', () => {
      it('says that it can serve while it is open', async () => {
        await expect(store.check()).resolves.toBeUndefined();
      });

      it('finishes the commits under way, then refuses every call', async () => {
        const underWay = Array.from({ length: 5 }, (_, n) => store.commit([{ key: `cell/c${n}`, bytes: text('x') }]));
        const closing = store.close();
        await expect(store.get('cell/a')).rejects.toThrow('store is closed');
        expect(await Promise.all(underWay)).toEqual(Array(5).fill('committed'));
        await closing;
        await expect(store.close()).resolves.toBeUndefined();
        await expect(store.get('cell/a')).rejects.toThrow('store is closed');
        await expect(store.commit([{ key: 'cell/a', bytes: text('x') }])).rejects.toThrow('store is closed');
        await expect(store.list('', undefined, 1)).rejects.toThrow('store is closed');
        await expect(store.check()).rejects.toThrow('store is closed');
      });
    });

    it('agrees with a plain map over any sequence of commits', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(modelCommit, { maxLength: 25 }), async (commits) => {
          const fresh = await open();
          try {
            await followModel(fresh.store, commits);
          } finally {
            await fresh.cleanup();
          }
        }),
        { numRuns: runs(40) },
      );
    });
  });
}

interface ModelWrite {
  readonly key: string;
  readonly action: 'write' | 'delete' | 'check';
  readonly expectation: 'none' | 'absent' | 'current' | 'stale';
  readonly bytes: Uint8Array;
}

const modelCommit: fc.Arbitrary<ModelWrite[]> = fc.constantFrom('a', 'a-', 'b').chain((owner) =>
  fc.uniqueArray(
    fc.record<ModelWrite>({
      key: fc.constantFrom(
        `cell/${owner}`,
        `cell-variable/${owner}/k`,
        `cell-variable/${owner}/k 2`,
        `cell/${owner}/~`,
      ),
      action: fc.constantFrom('write', 'write', 'delete', 'check'),
      expectation: fc.constantFrom('none', 'none', 'absent', 'current', 'current', 'stale'),
      bytes: fc.uint8Array({ maxLength: 40 }),
    }),
    { selector: ({ key }) => key, minLength: 1 },
  ),
);

async function followModel(store: Store, commits: readonly ModelWrite[][]): Promise<void> {
  const model = new Map<string, Uint8Array>();
  const revisions = new Map<string, string>();
  const spent = new Map<string, string[]>();
  for (const commit of commits) {
    let holds = true;
    const writes = commit.map(({ key, action, expectation, bytes }): StoreWrite => {
      const expected = {
        none: undefined,
        absent: null,
        current: revisions.get(key) ?? null,
        stale: spent.get(key)?.at(-1) ?? 'never',
      }[expectation];
      if (expectation === 'absent' && model.has(key)) holds = false;
      if (expectation === 'stale') holds = false;
      return {
        key,
        expect: expected,
        ...(action === 'write' && { bytes }),
        ...(action === 'delete' && { delete: true }),
      };
    });
    expect(await store.commit(writes)).toBe(holds ? 'committed' : 'conflict');
    if (holds) {
      for (const { key, action, bytes } of commit) {
        if (action !== 'check' && revisions.has(key)) {
          spent.set(key, [...(spent.get(key) ?? []), revisions.get(key)!]);
        }
        if (action === 'write') model.set(key, bytes);
        if (action === 'delete') model.delete(key);
        if (action === 'delete') revisions.delete(key);
      }
    }
    const listed = await store.list('', undefined, 1_000);
    expect(listed.map(({ key, bytes }) => [key, [...bytes]])).toEqual(
      [...model.keys()].sort().map((key) => [key, [...model.get(key)!]]),
    );
    for (const { key, revision } of listed) {
      expect(spent.get(key) ?? []).not.toContain(revision);
      revisions.set(key, revision);
    }
  }
}
