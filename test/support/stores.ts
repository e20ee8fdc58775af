import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis } from '../../scripts/redis-servers.ts';
import type { CountedStore, Store, StoredEntry } from '../../src/domain/ports.ts';
import { openLmdbStore } from '../../src/store/lmdb/lmdb.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { openRedisStore } from '../../src/store/redis/redis.ts';
import { PATIENCE_MS } from './patience.ts';

/** A store of a test, and how to be rid of it with all that it holds. */
export interface TestStore {
  readonly store: CountedStore;
  readonly dispose: () => Promise<void>;
}

async function temporaryLmdb(): Promise<TestStore> {
  const directory = mkdtempSync(join(tmpdir(), 'cellstep-test-'));
  const store = await openLmdbStore({ directory });
  return {
    store,
    async dispose() {
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** On a server that is started for it; there has to be one in the PATH. */
export async function temporaryRedis(): Promise<TestStore> {
  const server = await startRedis();
  const store = await openRedisStore(server.url, { timeoutMilliseconds: PATIENCE_MS });
  return {
    store,
    async dispose() {
      await store.close();
      await server.remove();
    },
  };
}

/** Every store that the service runs on by itself. */
export const STORES: readonly { readonly name: string; readonly open: () => Promise<TestStore> }[] = [
  {
    name: 'memory',
    open: async () => {
      const store = openMemoryStore();
      return { store, dispose: () => store.close() };
    },
  },
  { name: 'lmdb', open: temporaryLmdb },
];

/** Everything that a store holds: each key with its bytes in hex. */
export async function dump(store: Store): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (let after: string | undefined; ; ) {
    const page: StoredEntry[] = await store.list('', after, 1000);
    for (const { key, bytes } of page) all[key] = Buffer.from(bytes).toString('hex');
    after = page.at(-1)?.key;
    if (page.length < 1000) return all;
  }
}
