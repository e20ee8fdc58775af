import { Counter, Gauge, type Registry } from 'prom-client';
import type { CountedStore } from '../../domain/ports.ts';
import type { Problem } from '../../domain/problems.ts';
import { COUNTED_KINDS, type StoredUsage } from '../../domain/usage.ts';

/** Tenants with a label of their own; those beyond share one, which cannot be the name of a tenant. */
const MOST_TENANTS = 100;
const OTHERS = '(others)';

/** Gives tenants labels, the first ones their own. */
export class TenantLabels {
  private readonly known = new Set<string>();

  of(tenant: string): string {
    if (this.known.has(tenant)) return tenant;
    if (this.known.size >= MOST_TENANTS) return OTHERS;
    this.known.add(tenant);
    return tenant;
  }
}

/** Counts what tenants do. */
export interface TenantObserver {
  requested(tenant: string, count: number): void;
  /** Multiply-adds. */
  spent(tenant: string, work: number): void;
  connected(tenant: string, change: 1 | -1): void;
  /** A request or a message was refused. */
  refused(problem: Problem, tenant: string): void;
}

export function observeTenants(registry: Registry): TenantObserver {
  const labels = new TenantLabels();
  const registers = [registry];
  const counter = (name: string, help: string, ...labelNames: string[]) =>
    new Counter({ name, help, labelNames, registers });
  /** A sum that every request adds to. prom-client would build a text of the labels each time. */
  const sum = (name: string, help: string) => {
    const sums = new Map<string, number>();
    new Counter({
      name,
      help,
      labelNames: ['tenant'],
      registers,
      collect() {
        this.reset();
        for (const [tenant, amount] of sums) this.inc({ tenant }, amount);
      },
    });
    return (tenant: string, amount: number) => {
      const label = labels.of(tenant);
      sums.set(label, (sums.get(label) ?? 0) + amount);
    };
  };
  const requests = sum('cellstep_tenant_requests_total', 'Requests of tenants.');
  const work = sum('cellstep_tenant_work_total', 'Multiply-adds that the requests of tenants cost.');
  // There from the start: Prometheus sees no increase in what begins with 1, and an alert waits for the first fault.
  const refusals = new Map([['internal-error', 0]]);
  new Counter({
    name: 'cellstep_refusals_total',
    help: 'Requests and messages that got a problem, by its code.',
    labelNames: ['code'],
    registers,
    collect() {
      this.reset();
      for (const [code, count] of refusals) this.inc({ code }, count);
    },
  });
  const quotas = counter('cellstep_quota_refusals_total', 'Refusals by a quota of a tenant.', 'tenant', 'quota');
  const connections = new Gauge({
    name: 'cellstep_tenant_connections',
    help: 'Connections of tenants.',
    labelNames: ['tenant'],
    registers,
  });
  return {
    requested: requests,
    spent: work,
    connected: (tenant, change) => connections.inc({ tenant: labels.of(tenant) }, change),
    refused({ code, extra }, tenant) {
      refusals.set(code, (refusals.get(code) ?? 0) + 1);
      if (typeof extra.quota === 'string') quotas.inc({ tenant: labels.of(tenant), quota: extra.quota });
    },
  };
}

/** What is in the store, read at each scrape. For one process of those that share a store. */
export function observeStore(registry: Registry, store: Pick<CountedStore, 'usages' | 'freeBytes'>): void {
  const registers = [registry];
  new Gauge({
    name: 'cellstep_stored_things',
    help: 'Things in the store: cells, sessions and stand-alone variables.',
    labelNames: ['kind', 'tenant'],
    registers,
    async collect() {
      this.reset();
      for (const [tenant, usage] of await largest(store)) {
        for (const kind of COUNTED_KINDS) this.inc({ kind, tenant }, usage[kind]);
      }
    },
  });
  new Gauge({
    name: 'cellstep_stored_bytes',
    help: 'Bytes of keys and values in the store, before the store adds its own.',
    labelNames: ['tenant'],
    registers,
    async collect() {
      this.reset();
      for (const [tenant, usage] of await largest(store)) this.inc({ tenant }, usage.bytes);
    },
  });
  new Gauge({
    name: 'cellstep_store_free_bytes',
    help: 'Bytes that the disk of LMDB, or the memory of Redis, still has room for.',
    registers,
    async collect() {
      const left = await store.freeBytes().catch(() => undefined);
      if (left === undefined) this.reset();
      else this.set(left);
    },
  });
}

/** The tenants that keep the most, by themselves, and all others together. Empty while the store does not answer. */
async function largest(store: Pick<CountedStore, 'usages'>): Promise<readonly (readonly [string, StoredUsage])[]> {
  const usages = await store.usages().catch(() => new Map<string, StoredUsage>());
  const all = [...usages].sort(([, a], [, b]) => b.bytes - a.bytes);
  return all.map(([tenant, usage], n) => [n < MOST_TENANTS ? tenant : OTHERS, usage] as const);
}
