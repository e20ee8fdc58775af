import { mapQuotas, type QuotaName } from '../../src/domain/quotas.ts';
import type { TenantUsage } from '../../src/services/tenants/index.ts';

/** A tenant's usage of each quota, as the API shows it. */
export function presentUsage({ tenant, stored, load, quotas }: TenantUsage) {
  const used: Readonly<Record<QuotaName, number>> = {
    cells: stored.cell,
    sessions: stored.session,
    variables: stored.variable,
    stored_bytes: stored.bytes,
    requests_per_second: load.requests,
    work_per_second: load.work,
    connections: load.connections,
  };
  return { tenant, ...mapQuotas((name) => ({ used: used[name], quota: quotas[name] ?? null })) };
}
