import { expect, it } from 'vitest';
import type { Store } from '../../src/domain/ports.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { startReplicas } from './in-process.ts';
import { chooseSeed } from './random.ts';
import { sameKey } from './same-key.ts';

async function onReplicas(store: Store, size: number) {
  const { urls, stop } = await startReplicas(store);
  return sameKey({ seed: chooseSeed(), size, urls: () => urls }).finally(stop);
}

it('carries out once what comes a hundred times at once with one key, over three replicas', async () => {
  expect(await onReplicas(openMemoryStore(), 3)).toMatchObject({ requests: 600 });
});

it('would find a store that forgets which keys were used', async () => {
  const inner = openMemoryStore();
  const { get, list, check, close } = inner;
  const commit: Store['commit'] = (writes) => inner.commit(writes.filter(({ key }) => !/-(keys|reply)\//.test(key)));
  await expect(onReplicas({ get, list, check, close, commit }, 1)).rejects.toThrow();
});
