import { addUsage, countedKey, countWrite, NO_USAGE, type StoredUsage } from '../domain/usage.ts';

/** Adds up what writes change, for each tenant. */
export class UsageTally {
  private readonly changes = new Map<string, StoredUsage>();

  /** `before` and `after` are the bytes of the value; undefined if there is none. */
  add(key: string, before: number | undefined, after: number | undefined): void {
    if (before === after) return;
    const counted = countedKey(key);
    const { tenant } = counted;
    this.changes.set(tenant, countWrite(this.changes.get(tenant) ?? NO_USAGE, counted, before, after));
  }

  /** The new usage of each changed tenant, given the present one. */
  *over(usageOf: (tenant: string) => StoredUsage | undefined): Generator<[tenant: string, usage: StoredUsage]> {
    for (const [tenant, change] of this.changes) {
      if (Object.values(change).every((more) => more === 0)) continue;
      yield [tenant, addUsage(usageOf(tenant) ?? NO_USAGE, change)];
    }
  }
}
