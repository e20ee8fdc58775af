import { z } from 'zod';
import { QUOTA_NAMES, type Quotas } from '../domain/quotas.ts';

const amount = z.number().int().min(1).max(1e15).nullable().describe('null: no limit, whatever the environment says.');

/** The quotas of one tenant as a file keeps them. A quota that is left out is set by the environment. */
export const quotaEntry = z.partialRecord(z.enum(QUOTA_NAMES), amount);

export type QuotaEntry = z.output<typeof quotaEntry>;

/** The quotas of a tenant: its entry's, and the given ones for the rest. */
export function quotasFor(standard: Quotas, entry: QuotaEntry): Quotas {
  const all = Object.entries({ ...standard, ...entry }).filter(([, limit]) => limit !== null);
  return Object.freeze(Object.fromEntries(all)) as Quotas;
}
