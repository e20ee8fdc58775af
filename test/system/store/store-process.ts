import type { Store, StoredValue } from '../../../src/domain/ports.ts';
import { openLmdbStore } from '../../../src/store/lmdb/lmdb.ts';
import { increment } from './increment.ts';

/** A call of the store, or `increment` of the counter in it; answered in the order in which the calls end. */
export interface StoreCall {
  readonly id: number;
  readonly call: 'get' | 'commit' | 'list' | 'check' | 'increment';
  readonly args: readonly unknown[];
}

export interface StoreAnswer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Run by the tests as a process of its own, which shares the store of a directory and does what it is told. */
const [directory, mapBytes] = process.argv.slice(2);
const store = await openLmdbStore({ directory, shared: true, mapBytes: Number(mapBytes) });

process.on('message', async ({ id, call, args }: StoreCall) => {
  const answer = (reply: Omit<StoreAnswer, 'id'>) => process.send!({ id, ...reply } satisfies StoreAnswer);
  try {
    const work = call === 'increment' ? increment : (store[call] as (...args: unknown[]) => Promise<unknown>);
    const value = await work(...((call === 'increment' ? [store] : args) as [Store]));
    answer({ value: call === 'get' ? plain(value as StoredValue | undefined) : value });
  } catch (error) {
    answer({ error: String(error) });
  }
});
/** A message does not take the bytes of a value, which are read when they are asked for. */
function plain(value: StoredValue | undefined): StoredValue | undefined {
  return value && { revision: value.revision, bytes: value.bytes };
}

process.on('disconnect', () => process.exit());
process.send!({ id: 0 } satisfies StoreAnswer);
