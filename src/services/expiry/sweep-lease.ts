import type { Store } from '../../domain/ports.ts';
import { decodeRecord, encodeRecord } from '../../domain/record.ts';
import { LEASE_KEY } from '../keys.ts';

const LEASE_MS = 60_000;

interface Lease {
  readonly holder: string;
  readonly until: number;
}

/**
 * Whether `holder` has the lease now. It may take the lease if nobody else has had it for a minute. The lease only saves
 * work and is not needed for safety, so different clocks do no harm.
 */
export async function takeLease(store: Pick<Store, 'get' | 'commit'>, now: number, holder: string): Promise<boolean> {
  const stored = await store.get(LEASE_KEY);
  const lease = stored && decodeRecord<Lease>(stored.bytes).fields;
  const mine = lease?.holder === holder;
  if (lease && !mine && lease.until > now && lease.until <= now + LEASE_MS) return false;
  if (lease && mine && lease.until > now + LEASE_MS / 2) return true;
  const bytes = encodeRecord({ fields: { holder, until: now + LEASE_MS }, tensors: {} });
  return (await store.commit([{ key: LEASE_KEY, expect: stored?.revision ?? null, bytes }])) === 'committed';
}
