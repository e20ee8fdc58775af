import { expect, it } from 'vitest';
import { openMemoryStore } from '../../src/store/memory.ts';
import { storeContract } from '../contract/store-contract.ts';
import { usageContract } from '../contract/usage-contract.ts';

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
