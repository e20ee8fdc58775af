import type { Bytes } from '../../domain/bytes.ts';
import { revisionOf, STAMP_BYTES } from '../record.ts';
import { DamagedRecordError, fillRecord, sealedLength, sealRecord, unsealRecord } from './record.ts';

/**
 * A long value is kept in pieces of this length, in a tree of their own, and its record only says where they are. Copying
 * and writing one piece takes a millisecond or two, and the commits of others go between two of them.
 */
export const PIECE_BYTES = 2 ** 19;
/** The highest bit of the counter in a stamp, which no counter reaches, marks a record whose value is in pieces. */
const MARK = { at: 8, bit: 0x80 };
const PLACE_BYTES = STAMP_BYTES + 12;

/** Where a long value is. */
export interface Place {
  /** The keys of its pieces begin with it. No other value ever has it. */
  readonly id: Uint8Array;
  /** Bytes of the value. */
  readonly length: number;
  /** Bytes of each piece but the last. */
  readonly each: number;
}

export function bytesOfPlace({ id, length, each }: Place): Uint8Array {
  const bytes = new Uint8Array(PLACE_BYTES);
  bytes.set(id);
  const view = new DataView(bytes.buffer);
  view.setFloat64(STAMP_BYTES, length);
  view.setUint32(STAMP_BYTES + 8, each);
  return bytes;
}

/** Copies what it takes from the bytes. */
export function readPlace(bytes: Uint8Array): Place {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    id: new Uint8Array(bytes.subarray(0, STAMP_BYTES)),
    length: view.getFloat64(STAMP_BYTES),
    each: view.getUint32(STAMP_BYTES + 8),
  };
}

/** Says of a record that its bytes are a place. To be done after it is stamped. */
export function markPlace(record: Uint8Array): void {
  record[MARK.at] |= MARK.bit;
}

/** Whether a record, sealed or not, names a place. */
export function hasPlace(record: Uint8Array): boolean {
  return (record[MARK.at] & MARK.bit) !== 0 && record.length >= STAMP_BYTES + PLACE_BYTES;
}

/** The place that a record names; undefined if the record has the value itself. */
export function placeIn(record: Uint8Array): Place | undefined {
  return hasPlace(record) ? readPlace(record.subarray(STAMP_BYTES)) : undefined;
}

/** The stamp of the commit as text, the same for all records of a commit. */
export function revisionIn(record: Uint8Array): string {
  if (!hasPlace(record)) return revisionOf(record);
  // Not slice: that of a Buffer copies nothing.
  const stamp = new Uint8Array(record.subarray(0, STAMP_BYTES));
  stamp[MARK.at] &= ~MARK.bit;
  return revisionOf(stamp);
}

/** Bytes of the value of a sealed record, wherever it is. */
export function valueLength(sealed: Uint8Array): number {
  return placeIn(sealed)?.length ?? sealedLength(sealed);
}

export function countOfPieces({ length, each }: Place): number {
  return Math.ceil(length / each);
}

export function keyOfPiece({ id }: Place, index: number): Uint8Array {
  const key = new Uint8Array(STAMP_BYTES + 4);
  key.set(id);
  new DataView(key.buffer).setUint32(STAMP_BYTES, index);
  return key;
}

/** Copies one piece of the value into the room of a record, sealed. Returns it with its key. */
export function sealPiece(
  place: Place,
  index: number,
  value: Bytes,
  room: Uint8Array,
): { key: Uint8Array; sealed: Uint8Array } {
  const key = keyOfPiece(place, index);
  const piece = value.subarray(index * place.each, Math.min((index + 1) * place.each, value.length));
  const sealed = fillRecord(room, piece);
  sealRecord(key, sealed);
  return { key, sealed };
}

/** One piece, as `get` finds it; undefined if it is gone, as its value was replaced. @throws {DamagedRecordError} */
export function readPiece(
  get: (key: Uint8Array) => Uint8Array | undefined,
  place: Place,
  index: number,
): Uint8Array | undefined {
  const key = keyOfPiece(place, index);
  const sealed = get(key);
  if (!sealed) return undefined;
  const piece = unsealRecord(key, sealed).subarray(STAMP_BYTES);
  if (piece.length !== Math.min(place.each, place.length - index * place.each)) throw new DamagedRecordError(key);
  return piece;
}
