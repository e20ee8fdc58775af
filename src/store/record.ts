import { randomBytes } from 'node:crypto';
import type { StoredValue } from '../domain/ports.ts';

/**
 * The stamp before the bytes of a record: 8 random bytes drawn when the store was opened, and an 8-byte counter of its
 * commits.
 */
export const STAMP_BYTES = 16;

/**
 * Makes the stamps of commits. A stamp is unique over all processes and crashes, so a key that is deleted and made again
 * never gets an earlier revision.
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

/** A value for readers. Its bytes never change; they are copied when a reader asks for them. */
export class CopiedValue implements StoredValue {
  readonly revision: string;
  readonly view: Uint8Array;

  constructor(revision: string, kept: Uint8Array) {
    this.revision = revision;
    this.view = kept;
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.view);
  }
}
