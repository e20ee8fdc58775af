import { type Bytes, JoinedBytes, LONG_BYTES } from '../../domain/bytes.ts';

/** The outcome of a request with an idempotency key, as its owner keeps it. */
export interface Outcome<Answer extends Bytes = Uint8Array> {
  /** Fingerprint of the request. */
  readonly fingerprint: string;
  /** As the door encoded it. */
  readonly answer: Answer;
}

/** Bytes that the store needs for an outcome besides its own: its keys and its time. */
const OVERHEAD_BYTES = 400;
const LENGTH_BYTES = 2;

/** How much an outcome counts towards the bytes that an owner may keep. */
export function sizeOf({ fingerprint, answer }: Outcome<Bytes>): number {
  return OVERHEAD_BYTES + Buffer.byteLength(fingerprint) + answer.length;
}

/** Layout: the length of the fingerprint (uint16 little-endian), the fingerprint in UTF-8, the answer. */
export function encodeOutcome({ fingerprint, answer }: Outcome<Bytes>): Bytes {
  const start = LENGTH_BYTES + Buffer.byteLength(fingerprint);
  const isLong = answer.length > LONG_BYTES;
  const bytes = Buffer.allocUnsafe(isLong ? start : start + answer.length);
  bytes.writeUInt16LE(start - LENGTH_BYTES);
  bytes.write(fingerprint, LENGTH_BYTES);
  if (isLong) return new JoinedBytes([bytes, answer]);
  bytes.set(answer.subarray(), start);
  return bytes;
}

/** @throws {Error} if the bytes are not an outcome: a damaged store must never be misread. */
export function decodeOutcome(bytes: Uint8Array): Outcome {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = buffer.length < LENGTH_BYTES ? Number.NaN : LENGTH_BYTES + buffer.readUInt16LE();
  if (!(start <= buffer.length)) throw new Error('the store holds a damaged outcome');
  return { fingerprint: buffer.toString('utf8', LENGTH_BYTES, start), answer: buffer.subarray(start) };
}
