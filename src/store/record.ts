import { randomBytes } from 'node:crypto';
import type { StoredValue } from '../domain/ports.ts';

/** What a record has before its bytes: 8 bytes drawn when the store was opened, 8 bytes counting its commits. */
export const STAMP_BYTES = 16;

/**
 * Makes the stamps of commits. No stamp comes twice, in whatever process and after whatever crash, so that a key that
 * was deleted and made again never has a revision it had before.
 */
export function createStamps(): () => Uint8Array {
  const stamp = new Uint8Array(STAMP_BYTES);
  stamp.set(randomBytes(8));
  const counter = new DataView(stamp.buffer, 8);
  let count = 0n;
  return () => {
    count += 1n;
    counter.setBigUint64(0, count);
    return stamp;
  };
}

/** A record with room for its stamp and a copy of `bytes`. */
export function newRecord(bytes: Uint8Array): Uint8Array {
  const record = new Uint8Array(STAMP_BYTES + bytes.length);
  record.set(bytes, STAMP_BYTES);
  return record;
}

export function stampRecord(record: Uint8Array, stamp: Uint8Array): void {
  record.set(stamp, 0);
}

export function revisionOf(record: Uint8Array): string {
  return record.subarray(0, STAMP_BYTES).toHex();
}

/** A copy of the bytes, with a buffer of its own. */
export function bytesOf(record: Uint8Array): Uint8Array {
  return new Uint8Array(record.subarray(STAMP_BYTES));
}

/** A value whose bytes nothing writes to, as a reader gets it: copied where it asks for them. */
export class CopiedValue implements StoredValue {
  readonly revision: string;
  private readonly kept: Uint8Array;

  constructor(revision: string, kept: Uint8Array) {
    this.revision = revision;
    this.kept = kept;
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.kept);
  }
}
