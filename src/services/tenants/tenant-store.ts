import type { Store } from '../../domain/ports.ts';
import { checkCommit } from '../../domain/store-keys.ts';
import { tenantKey } from '../keys.ts';

/** What stands before each of a tenant's keys. */
export const tenantPrefix = (tenant: string): string => `@${tenant}/`;

/**
 * The part of a store that is a tenant's, as a store of its own: every key is put after `@tenant/`, so that nothing above it
 * can name what is another's. Before its first change the tenant is written down, so that sweeping finds it.
 */
export function storeOfTenant(store: Store, tenant: string): Store {
  const prefix = tenantPrefix(tenant);
  let noted = false;
  async function note(): Promise<void> {
    // A conflict says that it is written down already.
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
