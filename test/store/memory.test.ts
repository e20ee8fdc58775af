import { expect, it } from 'vitest';
import { openMemoryStore } from '../../src/store/memory.ts';
import { storeContract } from '../contract/store-contract.ts';
import { usageContract } from '../contract/usage-contract.ts';
import { slowClock } from '../support/slow-clock.ts';
import { countTurns } from '../support/turns.ts';

for (const contract of [storeContract, usageContract]) {
  contract('the memory store', async () => {
    const store = openMemoryStore();
    return { store, cleanup: () => store.close() };
  });
}

it('writes a value of the same length over the one before, but not under a reader of it', async () => {
  const store = openMemoryStore();
  const write = (byte: number) => store.commitAll!([[{ key: 'cell/a', bytes: Uint8Array.of(byte) }]]);
  await write(1);
  const [first] = await store.getAll!(['cell/a']);
  await write(2);
  expect([first?.view, first?.revision]).toEqual([Uint8Array.of(2), '1']);
  const second = await store.get('cell/a');
  await write(3);
  await write(4);
  expect([second?.bytes, second?.revision]).toEqual([Uint8Array.of(2), '2']);
  expect((await store.get('cell/a'))?.bytes).toEqual(Uint8Array.of(4));
  // What is over by then says so: its commit conflicts.
  const late = { key: 'cell/a', expect: first!.revision, bytes: Uint8Array.of(9) };
  expect(await store.commitAll!([[late]])).toEqual(['conflict']);
  await store.close();
});

it('copies a long value in slices, written and read', async () => {
  slowClock();
  const store = openMemoryStore();
  const bytes = new Uint8Array(2 ** 26).fill(7);
  const short = Uint8Array.of(1);
  const committing = countTurns(() =>
    store.commit([
      { key: 'variable/a', bytes },
      { key: 'variable-more/a', bytes: short },
    ]),
  );
  short[0] = 2;
  expect((await committing).turns).toBeGreaterThan(4);
  bytes[0] = 8;
  const { value: read, turns } = await countTurns(() => store.get('variable/a'));
  expect(turns).toBeGreaterThan(4);
  expect(Buffer.compare(read!.bytes, new Uint8Array(2 ** 26).fill(7))).toBe(0);
  expect((await store.get('variable-more/a'))!.bytes).toEqual(Uint8Array.of(1));
  // What a reader has is its own.
  read!.bytes[5] = 0;
  const [again] = await store.list('variable/', undefined, 1);
  expect(Buffer.compare(again.bytes, new Uint8Array(2 ** 26).fill(7))).toBe(0);
  await store.close();
});

it('keeps a long value for a reader while the next one is written', async () => {
  const store = openMemoryStore();
  const of = (byte: number) => new Uint8Array(2 ** 24).fill(byte);
  await store.commit([{ key: 'variable/a', bytes: of(1) }]);
  const reading = store.get('variable/a');
  const [all] = [store.getAll!(['variable/a'])];
  await store.commitAll!([[{ key: 'variable/a', bytes: of(2) }]]);
  for (const value of [await reading, (await all)[0]]) expect(Buffer.compare(value!.bytes, of(1))).toBe(0);
  expect(Buffer.compare((await store.get('variable/a'))!.bytes, of(2))).toBe(0);
  await store.close();
});
