import { Problem } from '../../domain/problems.ts';
import type { QuotaName, Quotas } from '../../domain/quotas.ts';

/** The current quotas of a tenant. The keys file may change them at any time. */
export type QuotasOf = (tenant: string) => Quotas;

const WORDS: Readonly<Record<QuotaName, string>> = {
  cells: 'cells',
  sessions: 'sessions',
  variables: 'stand-alone variables',
  stored_bytes: 'bytes in the store',
  requests_per_second: 'requests a second',
  work_per_second: 'multiply-adds a second',
  connections: 'connections at a time',
};
/** Only a deletion makes room, and nobody knows when that happens. */
const UNKNOWN_SECONDS = 60;

/** The problem for an exceeded quota; `how` tells the client what to do. */
export function quotaExceeded(
  quota: QuotaName,
  used: number,
  limit: number,
  how: string,
  retryAfterSeconds = UNKNOWN_SECONDS,
): Problem {
  const code = quota === 'stored_bytes' ? 'tenant-full' : 'quota-exceeded';
  const detail = `This tenant may have ${limit} ${WORDS[quota]}, and ${used} are in use. ${how} GET /v1/usage shows all quotas.`;
  return new Problem(code, detail, { retryAfterSeconds, extra: { quota, limit, used } });
}
