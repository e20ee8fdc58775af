import { isKey, ownerOf } from '../../domain/store-keys.ts';

/** Part of the format: another number would look for every key in another place. */
const BUCKETS = 64;

/** All buckets' names, `00` to `3f`; as hash tags these spread evenly over the slots of a cluster. */
export const BUCKET_NAMES: readonly string[] = Array.from({ length: BUCKETS }, (_, n) =>
  n.toString(16).padStart(2, '0'),
);

/**
 * How keys are laid out in Redis. An owner (`cell/a`) belongs to one of 64 buckets; the bucket is the hash tag of everything
 * that the owner has, so that a cluster keeps it in one slot and one script may change it. Beside its values each
 * bucket has `cellstep:{bucket}:keys`, a sorted set of the keys that exist in it, which the same script keeps: an index
 * that can't disagree with the values, not even after a failover that loses writes. A listing over all owners merges
 * the 64 indexes. One index for all owners would live in another slot than most values, could be changed only before
 * or after them, and might then lose a thing from the listings for ever.
 */
export function valueName(bucket: string, key: string): string {
  return `cellstep:{${bucket}}:${key}`;
}

/** The sorted set of the keys in a bucket. No value has this name, since keys have a `/`. */
export function indexName(bucket: string): string {
  return `cellstep:{${bucket}}:keys`;
}

/** The usage of tenants in a bucket: a hash of `tenant/what` and numbers. */
export function usageName(bucket: string): string {
  return `cellstep:{${bucket}}:usage`;
}

/** The key of the version of the layout. */
export const FORMAT_NAME = `cellstep:{${BUCKET_NAMES[0]}}:format`;

/** The bucket of a key: FNV-1a (32 bits) of its owner's characters, its halves folded. Part of the format. */
export function bucketOf(key: string): string {
  const owner = ownerOf(key);
  let hash = 0x811c9dc5;
  for (let at = 0; at < owner.length; at++) hash = Math.imul(hash ^ owner.charCodeAt(at), 0x01000193);
  return BUCKET_NAMES[((hash ^ (hash >>> 16)) >>> 0) % BUCKETS];
}

/** The slot of a cluster that a bucket is in: CRC16 (XMODEM) of the hash tag, as the Redis Cluster specification has it. */
export function slotOf(bucket: string): number {
  let crc = 0;
  for (const byte of Buffer.from(bucket)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc % 16_384;
}

/** The buckets that can have keys with this prefix: one if the prefix contains the whole owner. */
export function bucketsOf(prefix: string): readonly string[] {
  const parts = prefix.split('/');
  const tenant = prefix.startsWith('@') ? `${parts.shift()}/` : '';
  const [kind, id, ...rest] = parts;
  const owner = `${tenant}${kind}/${id}`;
  return rest.length > 0 && isKey(owner) ? [bucketOf(owner)] : BUCKET_NAMES;
}
