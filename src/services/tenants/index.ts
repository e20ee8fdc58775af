import { DEFAULT_TENANT } from '../../domain/identity.ts';
import type { Bus } from '../../domain/ports.ts';
import { CellCache } from '../cells/cell-cache.ts';
import { createServices, type ServicePorts, type Services } from '../index.ts';
import { TENANTS_PREFIX } from '../keys.ts';
import { SessionFeed } from '../sessions/session-feed.ts';
import { storeOfTenant, tenantPrefix } from './tenant-store.ts';

/** Tenants whose services are kept ready; those of others are made when they are called. */
const MAX_READY = 1_000;
/** Tenants that are swept at one call. */
const SWEPT_AT_ONCE = 64;

export interface TenantPorts extends Omit<ServicePorts, 'feed'> {
  readonly bus?: Bus;
}

/** The use cases of every tenant, each over its own part of the store, and what is the same for all. */
export interface TenantServices {
  /** Those of whoever called. */
  of(caller: { readonly identity: { readonly tenant: string } }): Services;
  readonly describeCell: Services['cells']['describe'];
  /** Lets go of a slice of what nobody needs any more, of some tenants; whether there may be more. */
  sweep(): Promise<boolean>;
  /** Ends what goes on between the processes of the service. */
  close(): Promise<void>;
  /** Rejects if the store cannot serve. */
  check(): Promise<void>;
}

/** `bus` leads to the other processes of the service, where there are any. */
export function createTenantServices({ bus, ...given }: TenantPorts): TenantServices {
  const feed = new SessionFeed(given.store, bus);
  const ports = { ...given, store: feed.watched, feed: feed.of('') };
  const cache = new CellCache();
  const shared = createServices(ports, cache.of(''));
  const ready = new Map<string, Services>();
  let lastSwept: string | undefined;

  function servicesOf(tenant: string): Services {
    if (tenant === DEFAULT_TENANT) return shared;
    const found = ready.get(tenant) ?? makeServices(tenant);
    ready.delete(tenant);
    ready.set(tenant, found);
    for (const oldest of ready.keys()) {
      if (ready.size <= MAX_READY) break;
      ready.delete(oldest);
    }
    return found;
  }

  function makeServices(tenant: string): Services {
    const store = storeOfTenant(ports.store, tenant);
    return createServices({ ...ports, store, feed: feed.of(tenantPrefix(tenant)) }, cache.of(tenant));
  }

  return {
    of: ({ identity }) => servicesOf(identity.tenant),
    describeCell: shared.cells.describe,
    async sweep() {
      const more = lastSwept === undefined && (await shared.sweep());
      const page = await ports.store.list(TENANTS_PREFIX, lastSwept, SWEPT_AT_ONCE);
      lastSwept = page.length === SWEPT_AT_ONCE ? page.at(-1)?.key : undefined;
      let left = more || lastSwept !== undefined;
      for (const { key } of page) {
        if (await servicesOf(key.slice(TENANTS_PREFIX.length)).sweep()) left = true;
      }
      return left;
    },
    check: shared.check,
    close: () => feed.close(),
  };
}
