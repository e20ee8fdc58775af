import { DEFAULT_TENANT } from '../../domain/identity.ts';
import type { Bus, CountedStore, Store } from '../../domain/ports.ts';
import type { Quotas } from '../../domain/quotas.ts';
import type { StoredUsage } from '../../domain/usage.ts';
import { CellCache } from '../cells/cell-cache.ts';
import { entriesOf } from '../changes/listing.ts';
import { createServices, type ServicePorts, type Services } from '../index.ts';
import { TENANTS_PREFIX } from '../keys.ts';
import { SessionFeed } from '../sessions/session-feed.ts';
import { type Load, type LoadObserver, TenantLoads } from './loads.ts';
import { storeWithin } from './quota-store.ts';
import type { QuotasOf } from './quotas.ts';
import { storeOfTenant, tenantPrefix } from './tenant-store.ts';

/** The most tenants whose services stay in memory. Others are made when they are called. */
const MAX_READY = 1_000;
/** The most tenants of one sweep. */
const SWEPT_AT_ONCE = 64;

export interface TenantPorts extends Omit<ServicePorts, 'feed' | 'spendWork' | 'addWork'> {
  /** Where usage is counted. */
  readonly counted: Pick<CountedStore, 'usageOf'>;
  readonly quotasOf: QuotasOf;
  readonly bus?: Bus;
  readonly observer?: LoadObserver;
}

/** The usage and the quotas of a tenant. */
export interface TenantUsage {
  readonly tenant: string;
  readonly stored: StoredUsage;
  readonly load: Load;
  readonly quotas: Quotas;
}

interface Caller {
  readonly identity: { readonly tenant: string };
}

/** The use cases of every tenant, over its part of the store, and the parts that all tenants share. */
export interface TenantServices {
  /** Those of whoever called. */
  of(caller: Caller): Services;
  usageOf(caller: Caller): Promise<TenantUsage>;
  readonly loads: TenantLoads;
  readonly describeCell: Services['cells']['describe'];
  /** Removes some expired things of some tenants. Returns whether there may be more. */
  sweep(): Promise<boolean>;
  /** Removes what a process that died has left unfinished, of all tenants. No other process may have the store. */
  sweepUnfinished(): Promise<void>;
  /** Ends the exchange between the processes of the service. */
  close(): Promise<void>;
  /** Rejects if the store cannot serve. */
  check(): Promise<void>;
}

/** `bus` reaches the other processes of the service, if there are any. */
export function createTenantServices({ bus, counted, quotasOf, observer, ...given }: TenantPorts): TenantServices {
  const feed = new SessionFeed(given.store, bus);
  const loads = new TenantLoads({ clock: given.clock, quotasOf, bus, observer });
  const cache = new CellCache();
  const shared = makeServices(DEFAULT_TENANT, feed.watched, feed.of(''));
  const ready = new Map<string, Services>();
  let lastSwept: string | undefined;

  function servicesOf(tenant: string): Services {
    if (tenant === DEFAULT_TENANT) return shared;
    const found = ready.get(tenant) ?? makeOwn(tenant);
    ready.delete(tenant);
    ready.set(tenant, found);
    for (const oldest of ready.keys()) {
      if (ready.size <= MAX_READY) break;
      ready.delete(oldest);
    }
    return found;
  }

  function makeOwn(tenant: string): Services {
    return makeServices(tenant, storeOfTenant(feed.watched, tenant), feed.of(tenantPrefix(tenant)));
  }

  function makeServices(tenant: string, own: Store, feedOfTenant: ServicePorts['feed']): Services {
    const store = storeWithin(own, { tenant, quotasOf, counted, now: () => performance.now() });
    const spendWork = (work: number) => loads.spend(tenant, work);
    const addWork = (work: number) => loads.add(tenant, work);
    const cells = cache.of(tenant === DEFAULT_TENANT ? '' : tenant);
    return createServices({ ...given, store, spendWork, addWork, feed: feedOfTenant }, cells);
  }

  return {
    of: ({ identity }) => servicesOf(identity.tenant),
    async usageOf({ identity: { tenant } }) {
      return { tenant, stored: await counted.usageOf(tenant), load: loads.of(tenant), quotas: quotasOf(tenant) };
    },
    loads,
    describeCell: shared.cells.describe,
    async sweep() {
      const more = lastSwept === undefined && (await shared.sweep());
      const page = await feed.watched.list(TENANTS_PREFIX, lastSwept, SWEPT_AT_ONCE);
      lastSwept = page.length === SWEPT_AT_ONCE ? page.at(-1)?.key : undefined;
      let left = more || lastSwept !== undefined;
      for (const { key } of page) {
        if (await servicesOf(key.slice(TENANTS_PREFIX.length)).sweep()) left = true;
      }
      return left;
    },
    async sweepUnfinished() {
      await shared.sweepUnfinished();
      for await (const { key } of entriesOf(feed.watched, TENANTS_PREFIX, SWEPT_AT_ONCE)) {
        await servicesOf(key.slice(TENANTS_PREFIX.length)).sweepUnfinished();
      }
    },
    check: shared.check,
    async close() {
      loads.close();
      await feed.close();
    },
  };
}
