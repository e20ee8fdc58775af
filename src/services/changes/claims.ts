import type { Store } from '../../domain/ports.ts';
import { decodeRecord, encodeRecord } from '../../domain/record.ts';
import { dueWrite, HOUR } from '../expiry/due.ts';
import { claimKey } from '../keys.ts';
import type { Ports } from '../ports.ts';
import { digest, findOutcome, readKept } from './kept-outcomes.ts';
import { keyReused, type Repeatable } from './once.ts';

type Request = Pick<Repeatable<unknown>, 'idempotencyKey' | 'fingerprint'>;

/** The id that belongs to a creating request with a key. */
export interface Claim {
  readonly key: string;
  readonly id: string;
  /** Whether this request made the claim. */
  readonly fresh: boolean;
  /** When the sweep looks at the claim. */
  readonly dueKey: string;
}

/** Claims of one kind of thing with the same idempotency key have one name. */
export function claimName(kind: string, { idempotencyKey }: Request): string {
  return `${kind}-${digest(idempotencyKey)}`;
}

/** The id that is claimed under `name`: `id`, or the one of an earlier request. @throws {Problem} idempotency-key-reused */
export async function claimId(
  context: Pick<Ports, 'store' | 'clock' | 'limits'>,
  name: string,
  id: string,
  request: Request,
): Promise<Claim> {
  const { store, clock, limits } = context;
  const { fingerprint, idempotencyKey } = request;
  const key = claimKey(name);
  for (;;) {
    const at = clock();
    const until = at + limits.keyHours * HOUR;
    const bytes = encodeRecord({ fields: { id, fingerprint, at, until }, tensors: {} });
    const due = dueWrite(until, { kind: 'claim', id: name });
    const [outcome] = await Promise.all([store.commit([{ key, expect: null, bytes }]), store.commit([due])]);
    if (outcome === 'committed') return { key, id, fresh: true, dueKey: due.key };
    const stored = await store.get(key);
    if (!stored) continue;
    const { fields } = decodeRecord<{ id: string; fingerprint: string }>(stored.bytes);
    if (fields.fingerprint !== fingerprint) throw keyReused(idempotencyKey);
    return { key, id: fields.id, fresh: false, dueKey: due.key };
  }
}

/** The id that is claimed under `name`; undefined if none is. */
export async function claimedId(store: Pick<Store, 'get'>, name: string): Promise<string | undefined> {
  const stored = await store.get(claimKey(name));
  return stored && decodeRecord<{ id: string }>(stored.bytes).fields.id;
}

/**
 * Removes a claim, unless the same request was carried out in the meantime. If the owner keeps the key for another request,
 * nothing can have been made under a fresh claim.
 */
export async function releaseClaim(
  store: Pick<Store, 'get' | 'commit'>,
  { key, dueKey, fresh }: Claim,
  owner: string,
  { idempotencyKey, fingerprint }: Request,
): Promise<void> {
  const outcome = await findOutcome(store, owner, await readKept(store, owner), idempotencyKey);
  if (outcome && !(fresh && outcome.fingerprint !== fingerprint)) return;
  await store.commit([{ key, delete: true }]);
  await store.commit([{ key: dueKey, delete: true }]);
}
