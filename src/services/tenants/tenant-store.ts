import type { Store } from '../../domain/ports.ts';
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
  return {
    get: (key) => store.get(prefix + key),
    async commit(writes) {
      checkCommit(writes);
      const own = writes.map((write) => ({ ...write, key: prefix + write.key }));
      if (noted) return store.commit(own);
      // The caller may change its buffers meanwhile.
      const copies = own.map((write) => (write.bytes ? { ...write, bytes: write.bytes.slice() } : write));
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
}
