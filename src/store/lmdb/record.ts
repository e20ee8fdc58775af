import { crc32 } from 'node:zlib';
import { nextTurn } from '../../threads/in-turns.ts';
import { STAMP_BYTES } from '../record.ts';

const CHECKSUM_BYTES = 4;

/** A record of LMDB that differs from what was written. */
export class DamagedRecordError extends Error {
  constructor(key: Uint8Array) {
    super(`the record ${Buffer.from(key).toString()} is damaged`);
  }
}

/** Room for a record (see record.ts) of so many bytes, with its stamp before and its checksum behind them. */
export function roomForRecord(bytes: number): Uint8Array {
  return new Uint8Array(STAMP_BYTES + bytes + CHECKSUM_BYTES);
}

/** Copies `bytes` into the room of as many or more. Returns the part of it that is the record; its stamp is as it was. */
export function fillRecord(room: Uint8Array, bytes: Uint8Array): Uint8Array {
  room.set(bytes, STAMP_BYTES);
  return room.subarray(0, STAMP_BYTES + bytes.length + CHECKSUM_BYTES);
}

/** A record with a copy of `bytes`. */
export function newSealedRecord(bytes: Uint8Array): Uint8Array {
  return fillRecord(roomForRecord(bytes.length), bytes);
}

/** Bytes of the value in a sealed record. */
export function sealedLength(sealed: Uint8Array): number {
  return sealed.length - STAMP_BYTES - CHECKSUM_BYTES;
}

/**
 * Writes the checksum, CRC-32 of key, stamp and bytes. LMDB has no checksums, so without it a value damaged by a torn page
 * or a failing disk would look valid.
 */
export function sealRecord(key: Uint8Array, sealed: Uint8Array): void {
  const record = recordOf(sealed);
  new DataView(sealed.buffer, sealed.byteOffset).setUint32(record.length, checksum(key, record));
}

/** The record without its checksum, not copied. */
export function recordOf(sealed: Uint8Array): Uint8Array {
  return sealed.subarray(0, sealed.length - CHECKSUM_BYTES);
}

/** The same. Throws DamagedRecordError when the checksum is another. */
export function unsealRecord(key: Uint8Array, sealed: Uint8Array): Uint8Array {
  if (sealed.length < STAMP_BYTES + CHECKSUM_BYTES) throw new DamagedRecordError(key);
  const record = recordOf(sealed);
  const kept = new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength).getUint32(record.length);
  if (kept !== checksum(key, record)) throw new DamagedRecordError(key);
  return record;
}

/** So many bytes are summed in a millisecond or so. */
const SLICE_BYTES = 4 * 2 ** 20;

/** Whether a record is so long that its checksum is made in slices: format 3 has long values in one piece. */
export function isLong({ length }: Uint8Array): boolean {
  return length > SLICE_BYTES;
}

/** As unsealRecord, a slice in each turn. */
export async function unsealLongRecord(key: Uint8Array, sealed: Uint8Array): Promise<Uint8Array> {
  const record = recordOf(sealed);
  const kept = new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength).getUint32(record.length);
  if (kept !== (await slicedChecksum(key, record))) throw new DamagedRecordError(key);
  return record;
}

async function slicedChecksum(key: Uint8Array, record: Uint8Array): Promise<number> {
  let sum = crc32(key);
  for (let from = 0; from < record.length; from += SLICE_BYTES) {
    await nextTurn();
    sum = crc32(record.subarray(from, from + SLICE_BYTES), sum);
  }
  return sum;
}

function checksum(key: Uint8Array, record: Uint8Array): number {
  return crc32(record, crc32(key));
}
