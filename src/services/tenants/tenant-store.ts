import { ownBytes } from '../../domain/bytes.ts';
import type { Store, StoreWrite } from '../../domain/ports.ts';
import { commitAll, eachAlone, getAll } from '../../domain/store-calls.ts';
import { checkCommit } from '../../domain/store-keys.ts';
import { tenantKey } from '../keys.ts';

/** The prefix of all keys of a tenant. */
export const tenantPrefix = (tenant: string): string => `@${tenant}/`;

/**
 * A tenant's part of a store, as a store of its own. Every key gets the prefix `@tenant/`, so no code above can name another
 * tenant's keys. The tenant itself is recorded before its first change, so that the sweep finds it.
 */
export function storeOfTenant(store: Store, tenant: string): Store {
  const prefix = tenantPrefix(tenant);
  let noted = false;
  async function note(): Promise<void> {
    // A conflict means that it is recorded already.
    await store.commit([{ key: tenantKey(tenant), expect: null, bytes: new Uint8Array(1) }]);
    noted = true;
  }
  const named = (writes: readonly StoreWrite[]) => writes.map((write) => ({ ...write, key: prefix + write.key }));
  const own: Store = {
    get: (key) => store.get(prefix + key),
    getAll: (keys) =>
      getAll(
        store,
        keys.map((key) => prefix + key),
      ),
    commitAll: (commits) => (noted ? commitAll(store, commits.map(named)) : eachAlone(own, commits)),
    async commit(writes) {
      checkCommit(writes);
      const theirs = named(writes);
      if (noted) return store.commit(theirs);
      // The caller may change its buffers meanwhile.
      const copies = theirs.map((write) => (write.bytes ? { ...write, bytes: ownBytes(write.bytes) } : write));
      await note();
      return store.commit(copies);
    },
    async list(part, after, limit, maxBytes) {
      const from = after === undefined ? undefined : prefix + after;
      const entries = await store.list(prefix + part, from, limit, maxBytes);
      return entries.map((entry) => ({ ...entry, key: entry.key.slice(prefix.length) }));
    },
    check: () => store.check(),
    close: () => store.close(),
  };
  return own;
}
