/** The kinds of quotas of a tenant. */
export const QUOTA_NAMES = [
  'cells',
  'sessions',
  'variables',
  'stored_bytes',
  'requests_per_second',
  'work_per_second',
  'connections',
] as const;
export type QuotaName = (typeof QUOTA_NAMES)[number];

/** The quotas of one tenant. A missing one means no limit. */
export type Quotas = Readonly<Partial<Record<QuotaName, number>>>;

/** A value for each quota. */
export function mapQuotas<T>(value: (name: QuotaName) => T): Record<QuotaName, T> {
  return Object.fromEntries(QUOTA_NAMES.map((name) => [name, value(name)])) as Record<QuotaName, T>;
}
