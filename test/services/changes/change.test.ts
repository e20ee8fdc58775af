import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/config.ts';
import { OWN_WORK } from '../../../src/domain/caller.ts';
import type { CommitOutcome, Store } from '../../../src/domain/ports.ts';
import { Problem } from '../../../src/domain/problems.ts';
import { Changer } from '../../../src/services/changes/change.ts';
import type { OutcomeCodec } from '../../../src/services/changes/once.ts';
import { openMemoryStore } from '../../../src/store/memory.ts';
import { Queue } from '../../../src/threads/queue.ts';

const bytes = Uint8Array.of(1);

/** A door that answers by a text, and says which answers are repetitions. */
const TEXTS: OutcomeCodec<string> = {
  encode: (text) => Buffer.from(text),
  replay: (kept) => `${Buffer.from(kept)} again`,
};
const answer = (result: number | string) => `${result}`;

/** A memory store that answers so many commits with a conflict, as if another writer had come first. */
function contended(conflicts: number): { store: Store; commits: () => number } {
  const inner = openMemoryStore();
  let commits = 0;
  const commit = async (writes: Parameters<Store['commit']>[0]): Promise<CommitOutcome> =>
    commits++ < conflicts ? 'conflict' : inner.commit(writes);
  const { get, list, check, close } = inner;
  return { store: { get, list, check, close, commit }, commits: () => commits };
}

const immediately = async () => {};
const { limits } = readConfig({});
const changerOn = (store: Store) =>
  new Changer({
    store,
    clock: () => 0,
    newId: (prefix) => `${prefix}_1`,
    backoff: immediately,
    limits,
    caller: () => OWN_WORK,
  });

describe('a change', () => {
  it('is decided again from the present state, if another writer came first', async () => {
    const { store } = contended(3);
    let decided = 0;
    const result = await changerOn(store).commit('thing/a', async () => {
      decided++;
      return { writes: [{ key: 'thing/a', bytes }], result: decided };
    });
    expect(result).toBe(4);
  });

  it('gives up after a hundred conflicts, having changed nothing', async () => {
    const { store, commits } = contended(Number.POSITIVE_INFINITY);
    const change = changerOn(store).commit('thing/a', async () => {
      return { writes: [{ key: 'thing/a', bytes }], result: 0 };
    });
    await expect(change).rejects.toMatchObject({ code: 'conflict', status: 409 });
    expect(commits()).toBe(100);
    expect(await store.get('thing/a')).toBeUndefined();
  });

  it('is answered before it is committed, so that its answer cannot fail afterwards', async () => {
    const store = openMemoryStore();
    const broken = () => {
      throw new Problem('internal-error', 'the answer cannot be written');
    };
    const change = changerOn(store).change('thing/a', { answer: broken }, async () => {
      return { writes: [{ key: 'thing/a', bytes }], result: 0 };
    });
    await expect(change).rejects.toThrow(/cannot be written/);
    expect(await store.get('thing/a')).toBeUndefined();
  });

  it('does afterwards what may fail, and is done all the same', async () => {
    const store = openMemoryStore();
    const decide = async () => ({
      writes: [{ key: 'thing/a', bytes }],
      result: 1,
      afterwards: async () => {
        expect(await store.get('thing/a')).toBeDefined();
        throw new Error('the disk is gone');
      },
    });
    expect(await changerOn(store).commit('thing/a', decide)).toBe(1);
  });

  it('without writes commits nothing', async () => {
    const { store, commits } = contended(0);
    await changerOn(store).commit('thing/a', async () => ({ writes: [], result: 1 }));
    expect(commits()).toBe(0);
  });

  it('is answered as the same request was, by which another process has just made it impossible', async () => {
    const store = openMemoryStore();
    const [here, there] = [changerOn(store), changerOn(store)];
    const once = { idempotencyKey: 'k', fingerprint: 'f', codec: TEXTS };
    const make = async () => {
      if (await store.get('thing/a')) throw new Problem('already-exists', 'There is one already.');
      return { writes: [{ key: 'thing/a', expect: null, bytes }], result: 1 };
    };
    let first = true;
    const answered = await here.change('thing/a', { answer, once }, async () => {
      if (first) await there.change('thing/a', { answer, once }, make);
      first = false;
      return make();
    });
    expect(answered).toBe('1 again');
    const other = here.change('thing/a', { answer, once: { ...once, idempotencyKey: 'other' } }, make);
    await expect(other).rejects.toMatchObject({ code: 'already-exists' });
  });

  it('lets its key be used again after a failure of the store, for the same thing', async () => {
    const inner = openMemoryStore();
    let broken = true;
    const { get, list, check, close } = inner;
    const commit: Store['commit'] = async (writes) => {
      const isClaim = writes.some(({ key }) => key.startsWith('claim/'));
      if (broken && !isClaim) throw new Problem('store-unavailable', 'gone');
      return inner.commit(writes);
    };
    let ids = 0;
    const store: Store = { get, list, check, close, commit };
    const changer = new Changer({
      store,
      clock: () => 0,
      newId: (prefix) => `${prefix}_${++ids}`,
      backoff: immediately,
      caller: () => OWN_WORK,
      limits,
    });
    const once = { idempotencyKey: 'k', fingerprint: 'f', codec: TEXTS };
    const create = () =>
      changer.create('variable', undefined, { answer, once }, async (id) => {
        return { writes: [{ key: `variable/${id}`, expect: null, bytes }], result: id };
      });
    await expect(create()).rejects.toMatchObject({ code: 'store-unavailable' });
    broken = false;
    // The outcome of the first try was not known, so the retry must be for the same id.
    expect(await create()).toBe('var_1');
    expect(await create()).toBe('var_1 again');
  });
});

describe('a key', () => {
  const decide = async () => ({ writes: [{ key: 'thing/a', bytes }], result: 'done' });
  const once = { idempotencyKey: 'k', fingerprint: 'text f', codec: TEXTS };

  it('gets the kept answer at every door with the same codec and fingerprint', async () => {
    const changer = changerOn(openMemoryStore());
    expect(await changer.change('thing/a', { answer, once }, decide)).toBe('done');
    expect(await changer.change('thing/a', { answer, once }, decide)).toBe('done again');
  });

  it('is refused at a door that keeps other answers: it can neither replay the first one nor carry it out again', async () => {
    const store = openMemoryStore();
    const changer = changerOn(store);
    await changer.change('thing/a', { answer, once }, decide);
    const before = await store.get('thing/a');
    const codec: OutcomeCodec<number> = { encode: (length) => Uint8Array.of(length), replay: ([length]) => length };
    const other = { answer: (text: string) => text.length, once: { ...once, fingerprint: 'length f', codec } };
    await expect(changer.change('thing/a', other, decide)).rejects.toMatchObject({ code: 'idempotency-key-reused' });
    expect(await store.get('thing/a')).toEqual(before);
  });
});

describe('a queue', () => {
  it('runs tasks of one name in order, also after a failure, and others beside them', async () => {
    const queue = new Queue();
    const log: string[] = [];
    const task =
      (name: string, milliseconds: number, fails = false) =>
      async () => {
        log.push(`${name} begins`);
        await new Promise((resolve) => setTimeout(resolve, milliseconds));
        log.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      };
    const done = Promise.allSettled([
      queue.run('a', task('a1', 30, true)),
      queue.run('a', task('a2', 1)),
      queue.run('b', task('b1', 1)),
    ]);
    expect((await done).map((one) => one.status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    const ofA = log.filter((line) => line.startsWith('a'));
    expect(ofA).toEqual(['a1 begins', 'a1 ends', 'a2 begins', 'a2 ends']);
    expect(log.indexOf('b1 ends')).toBeLessThan(log.indexOf('a1 ends'));
  });
});

describe('many changes at once', () => {
  /** A change of a thing; what it decides alone is marked. */
  function changing(owner: string, key?: string) {
    const { promise, resolve } = Promise.withResolvers<string | Error>();
    const once = key === undefined ? undefined : { idempotencyKey: key, fingerprint: 'f', codec: TEXTS };
    const decide = async () => ({ writes: [{ key: owner, bytes }], result: `${owner} alone` });
    return { owner, once, decide, settle: resolve, ended: promise };
  }
  type Changing = ReturnType<typeof changing>;

  /** Decides on all that it is asked for, and remembers which were asked for together. */
  function deciding(decideOne?: (item: Changing) => Error | undefined | 'alone') {
    const asked: string[][] = [];
    const decideAll = async (changes: readonly (readonly Changing[])[]) => {
      asked.push(changes.map(([{ owner }]) => owner));
      return changes.map(([item]) => {
        const decided = decideOne?.(item);
        if (decided instanceof Error) return [decided];
        return [decided ? undefined : { writes: [{ key: item.owner, bytes }], result: `${item.owner} together` }];
      });
    };
    return { asked, decideAll };
  }

  it('are decided together, except that those of one owner follow one another', async () => {
    const changer = changerOn(openMemoryStore());
    const { asked, decideAll } = deciding();
    const items = ['thing/a', 'thing/b', 'thing/a', 'thing/a'].map((owner) => changing(owner));
    await changer.changeAll(items, decideAll);
    expect(asked).toEqual([['thing/a', 'thing/b'], ['thing/a'], ['thing/a']]);
    expect(await Promise.all(items.map(({ ended }) => ended))).toEqual([
      'thing/a together',
      'thing/b together',
      'thing/a together',
      'thing/a together',
    ]);
    await changer.changeAll([], decideAll);
  });

  describe('of one owner', () => {
    /** Decides on at most so many of an owner's changes. Each writes how many came before it. */
    function counting(
      most: number,
      decideOne: (item: Changing, count: number) => Error | undefined | 'alone' = () => undefined,
    ) {
      let count = 0;
      return async (changes: readonly (readonly Changing[])[]) =>
        changes.map((own) =>
          own.slice(0, most).map((item) => {
            const decided = decideOne(item, count);
            if (decided instanceof Error) return decided;
            if (decided) return undefined;
            count++;
            return { writes: [{ key: item.owner, bytes: Uint8Array.of(count) }], result: `${count}` };
          }),
        );
    }
    const endsOf = (items: readonly Changing[]) => Promise.all(items.map(({ ended }) => ended));

    it('are committed as one as far as they are decided together, whatever keys they have', async () => {
      const { store, commits } = contended(0);
      const items = [undefined, 'k', 'l', undefined, 'm'].map((key) => changing('thing/a', key));
      await changerOn(store).changeAll(items, counting(3));
      expect(await endsOf(items)).toEqual(['1', '2', '3', '4', '5']);
      expect((await store.get('thing/a'))?.bytes).toEqual(Uint8Array.of(5));
      const noted = commits();
      const again = ['k', 'l', 'm'].map((key) => changing('thing/a', key));
      await changerOn(store).changeAll(again, counting(3));
      expect(await endsOf(again)).toEqual(['2 again', '3 again', '5 again']);
      expect(noted).toBeLessThan(items.length);
    });

    it('go on without one that is refused, and behind one that is decided alone', async () => {
      const refusal = new Problem('wrong-shape', 'no');
      const items = ['k', undefined, 'm', undefined, 'o', undefined].map((key) => changing('thing/a', key));
      const decideAll = counting(9, (item) => (item === items[2] ? refusal : item === items[4] ? 'alone' : undefined));
      await changerOn(openMemoryStore()).changeAll(items, decideAll);
      expect(await endsOf(items)).toEqual(['1', '2', refusal, '3', 'thing/a alone', 'thing/a alone']);
    });

    it('keep their order where another writer came first', async () => {
      const { store } = contended(1);
      const order: number[] = [];
      const items = [1, 2, 3].map((n) => {
        const item = changing('thing/a');
        const decide = () => {
          order.push(n);
          return item.decide();
        };
        return { ...item, decide };
      });
      await changerOn(store).changeAll(items, counting(2));
      expect(await endsOf(items)).toEqual(['thing/a alone', 'thing/a alone', '3']);
      expect(order).toEqual([1, 2]);
    });

    it('carry out a key once that comes twice', async () => {
      const items = ['k', 'k', 'l'].map((key) => changing('thing/a', key));
      await changerOn(openMemoryStore()).changeAll(items, counting(9));
      expect(await endsOf(items)).toEqual(['1', '1 again', '2']);
    });

    it('are refused where their answers need more room than an owner has', async () => {
      const store = openMemoryStore();
      const few = new Changer({
        store,
        clock: () => 0,
        newId: (prefix) => `${prefix}_1`,
        backoff: immediately,
        limits: { ...limits, maxKeyBytes: 1000 },
        caller: () => OWN_WORK,
      });
      const items = ['k', 'l', 'm'].map((key) => changing('thing/a', key));
      await few.changeAll(items, counting(9));
      expect(await endsOf(items)).toEqual(['1', '2', expect.objectContaining({ code: 'too-many-keys' })]);
    });
  });

  it('wait for a change of their owner that began before, while the others go on', async () => {
    const changer = changerOn(openMemoryStore());
    const before = Promise.withResolvers<void>();
    const first = changer.commit('thing/a', async () => {
      await before.promise;
      return { writes: [], result: 'first' };
    });
    const [a, b] = [changing('thing/a'), changing('thing/b')];
    const { asked, decideAll } = deciding();
    const all = changer.changeAll([a, b], decideAll);
    const after = changer.commit('thing/b', async () => ({ writes: [], result: asked.length }));
    expect(await b.ended).toBe('thing/b together');
    expect(await after).toBe(1);
    before.resolve();
    await Promise.all([first, all]);
    expect(asked).toEqual([['thing/b'], ['thing/a']]);
  });

  it('are refused one by one, and decided alone where they cannot be together or another writer came first', async () => {
    const { store } = contended(1);
    const changer = changerOn(store);
    const refusal = new Problem('wrong-shape', 'no');
    const { decideAll } = deciding(({ owner }) =>
      owner === 'thing/b' ? refusal : owner === 'thing/c' ? 'alone' : undefined,
    );
    const items = ['thing/a', 'thing/b', 'thing/c', 'thing/d'].map((owner) => changing(owner));
    await changer.changeAll(items, decideAll);
    expect(await Promise.all(items.map(({ ended }) => ended))).toEqual([
      'thing/a alone',
      refusal,
      'thing/c alone',
      'thing/d together',
    ]);
  });

  it('are each told of a failure of the store', async () => {
    const { get, list, check, close } = openMemoryStore();
    const commit = async () => {
      throw new Problem('store-unavailable', 'gone');
    };
    const items = ['thing/a', 'thing/b'].map((owner) => changing(owner, 'k'));
    await changerOn({ get, list, check, close, commit }).changeAll(items, deciding().decideAll);
    for (const { ended } of items) expect(await ended).toMatchObject({ code: 'store-unavailable' });
  });

  it('are made once for each key, which belongs to one request', async () => {
    const changer = changerOn(openMemoryStore());
    const { asked, decideAll } = deciding();
    const first = [changing('thing/a', 'k'), changing('thing/b', 'k'), changing('thing/c')];
    await changer.changeAll(first, decideAll);
    const again = [changing('thing/a', 'k'), changing('thing/b', 'other'), changing('thing/c')];
    const other = changing('thing/b', 'k');
    const reused = { ...other, once: { ...other.once!, fingerprint: 'g' } };
    await changer.changeAll([...again, reused], decideAll);
    expect(await Promise.all(again.map(({ ended }) => ended))).toEqual([
      'thing/a together again',
      'thing/b together',
      'thing/c together',
    ]);
    expect(await reused.ended).toMatchObject({ code: 'idempotency-key-reused' });
    expect(asked.map((owners) => owners.toSorted())).toEqual([
      ['thing/a', 'thing/b', 'thing/c'],
      ['thing/b', 'thing/c'],
    ]);
  });

  it('are refused while another request with their key is running', async () => {
    const changer = changerOn(openMemoryStore());
    const held = Promise.withResolvers<void>();
    const once = { idempotencyKey: 'k', fingerprint: 'f', codec: TEXTS };
    const running = changer.change('thing/a', { answer, once }, async () => {
      await held.promise;
      return { writes: [{ key: 'thing/a', bytes }], result: 'first' };
    });
    const item = changing('thing/a', 'k');
    const all = changer.changeAll([item], deciding().decideAll);
    held.resolve();
    await Promise.all([running, all]);
    expect(await item.ended).toMatchObject({ code: 'in-progress' });
  });
});
