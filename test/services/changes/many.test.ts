import { expect, it, vi } from 'vitest';
import { readConfig } from '../../../src/config.ts';
import { OWN_WORK } from '../../../src/domain/caller.ts';
import { Changer } from '../../../src/services/changes/change.ts';
import type { OneOfMany } from '../../../src/services/changes/one-of-many.ts';
import { openMemoryStore } from '../../../src/store/memory.ts';
import { slowClock } from '../../support/slow-clock.ts';
import { countTurns } from '../../support/turns.ts';

const codec = {
  encode: (text: string) => Buffer.from(text),
  replay: (kept: Uint8Array) => `${Buffer.from(kept)} again`,
};

function start() {
  const store = openMemoryStore();
  const changer = new Changer({
    store,
    clock: () => 0,
    newId: (prefix) => `${prefix}_1`,
    backoff: async () => undefined,
    limits: readConfig({}).limits,
    caller: () => OWN_WORK,
  });
  return { store, changer };
}

/** A change that writes its own name. */
function change(name: string, { key, settle }: { key?: string; settle: (end: string | Error) => void }) {
  const owner = `thing/${name}`;
  const item: OneOfMany<string> = {
    owner,
    ...(key === undefined ? {} : { once: { idempotencyKey: key, fingerprint: name, codec } }),
    decide: async () => ({ writes: [{ key: owner, bytes: Buffer.from(name) }], result: `${name} alone` }),
    settle,
  };
  return item;
}

it('makes each change alone if they cannot be decided together at all', async () => {
  const { store, changer } = start();
  const ends = new Map<string, string | Error>();
  const items = ['a', 'b', 'c'].map((name) =>
    change(name, { key: name === 'b' ? 'k' : undefined, settle: (end) => ends.set(name, end) }),
  );
  await changer.changeAll(items, async () => {
    throw new Error('not together');
  });
  expect([...ends].sort()).toEqual([
    ['a', 'a alone'],
    ['b', 'b alone'],
    ['c', 'c alone'],
  ]);
  expect(Buffer.from((await store.get('thing/b'))!.bytes).toString()).toBe('b');
  // Nobody waits for a turn that never ends.
  const again = vi.fn();
  await changer.changeAll([change('b', { key: 'k', settle: again })], async (some) => some.map(() => [undefined]));
  expect(again).toHaveBeenCalledExactlyOnceWith('b alone again');
});

it('settles each change, also beside one that cannot be told', async () => {
  const { changer } = start();
  const told = vi.fn();
  const fails = () => {
    throw new Error('not told');
  };
  const items = [
    change('a', { settle: fails }),
    change('b', { settle: fails }),
    change('c', { settle: fails }),
    change('d', { settle: told }),
  ];
  await changer.changeAll(items, async (some) => {
    const together = { writes: [], result: 'together' };
    return some.map(([{ owner }]) => {
      if (owner === 'thing/b') return [undefined];
      return [owner === 'thing/c' ? new Error('refused') : together];
    });
  });
  expect(told).toHaveBeenCalledExactlyOnceWith('together');
});

it('makes changes alone in turns of the event loop, a few of many and one of each owner at once', async () => {
  slowClock();
  const { changer } = start();
  const settle = vi.fn();
  // It writes nothing, so no commit takes a turn.
  const idle = (name: string) => ({ ...change(name, { settle }), decide: async () => ({ writes: [], result: name }) });
  const alone = (items: readonly OneOfMany<string>[]) =>
    changer.changeAll(items, async (some) => some.map((own) => own.map(() => undefined)));
  const oneByOne = () => Promise.all(Array.from({ length: 20 }, () => alone([idle('a')])));
  expect((await countTurns(oneByOne)).turns).toBeGreaterThanOrEqual(19);
  const own = Array.from({ length: 20 }, () => idle('a'));
  expect((await countTurns(() => alone(own))).turns).toBeGreaterThanOrEqual(19);
  const many = Array.from({ length: 60 }, (_, k) => idle(`${k}`));
  expect((await countTurns(() => alone(many))).turns).toBeGreaterThanOrEqual(4);
  expect(settle).toHaveBeenCalledTimes(100);
});

it('looks up once whether the refusals of many changes with keys stand', async () => {
  const { store, changer } = start();
  const get = vi.spyOn(store, 'get');
  const settle = vi.fn();
  const items = Array.from({ length: 20 }, (_, k) => change('a', { key: `k${k}`, settle }));
  const refusal = new Error('refused');
  await changer.changeAll(items, async () => [items.map(() => refusal)]);
  expect(settle.mock.calls).toEqual(Array(20).fill([refusal]));
  expect(get).toHaveBeenCalledTimes(2);
});

it('does what is to be done after the commit of a change that is made alone', async () => {
  const { changer } = start();
  const afterwards = vi.fn(async () => {
    throw new Error('may fail');
  });
  const told = vi.fn();
  const item = { ...change('a', { settle: told }), decide: async () => ({ writes: [], result: 'a', afterwards }) };
  await changer.changeAll([item], async (some) => some.map(() => [undefined]));
  expect(afterwards).toHaveBeenCalledOnce();
  expect(told).toHaveBeenCalledExactlyOnceWith('a');
});
