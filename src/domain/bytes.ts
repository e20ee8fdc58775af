import { BYTES_PER_ELEMENT, Tensor } from './tensor.ts';
import { encodeElements } from './tensor-bytes.ts';

/**
 * Bytes that may be made only when they are asked for, a part at a time: a long value is written, and a long reply sent, without
 * a copy of the whole. A Uint8Array is one too. What they are made of must stay as it is meanwhile.
 */
export interface Bytes {
  readonly length: number;
  /** A view or a copy. */
  subarray(from?: number, to?: number): Uint8Array;
}

/** Bytes that are read while they are sent, so that at most `held` of them are in memory. */
export interface StreamedBytes {
  readonly length: number;
  readonly held: number;
  readonly pieces: AsyncIterableIterator<Uint8Array>;
}

/** A value of more bytes is long. */
export const LONG_BYTES = 2 ** 21;

/** The buffers in a value, and those of its arrays, each once. Shared memory is not among them. */
export function buffersOf(value: unknown, found = new Set<ArrayBuffer>()): Set<ArrayBuffer> {
  if (ArrayBuffer.isView(value)) buffersOf(value.buffer, found);
  else if (value instanceof ArrayBuffer) found.add(value);
  else if (typeof value === 'object' && value !== null) {
    for (const each of value instanceof Map ? value.values() : Object.values(value)) buffersOf(each, found);
  }
  return found;
}

/** A copy, where the owner of the bytes may change them at once. Long ones stay as they are until their commit is over. */
export function ownBytes(bytes: Bytes): Bytes {
  return bytes.length > LONG_BYTES ? bytes : new Uint8Array(bytes.subarray());
}

/** One after the other. */
export class JoinedBytes implements Bytes {
  readonly length: number;
  private readonly parts: readonly Bytes[];

  constructor(parts: readonly Bytes[]) {
    this.parts = parts;
    this.length = parts.reduce((sum, { length }) => sum + length, 0);
  }

  subarray(from = 0, to = this.length): Uint8Array {
    const pieces: Uint8Array[] = [];
    let start = 0;
    for (const part of this.parts) {
      const [first, last] = [Math.max(from - start, 0), Math.min(to - start, part.length)];
      if (first < last) pieces.push(part.subarray(first, last));
      start += part.length;
    }
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
  }
}

/** A part of other bytes. */
export class PartOfBytes implements Bytes {
  readonly length: number;
  private readonly bytes: Bytes;
  private readonly start: number;

  constructor(bytes: Bytes, start: number, length: number) {
    this.bytes = bytes;
    this.start = start;
    this.length = length;
  }

  subarray(from = 0, to = this.length): Uint8Array {
    return this.bytes.subarray(this.start + from, this.start + to);
  }
}

/** The elements of a tensor, as `encode` writes them. */
export class ElementBytes implements Bytes {
  readonly length: number;
  private readonly tensor: Tensor;
  private readonly width: number;
  private readonly encode: (tensor: Tensor) => Uint8Array;

  constructor(tensor: Tensor, encode = encodeElements) {
    this.tensor = tensor;
    this.encode = encode;
    this.width = BYTES_PER_ELEMENT[tensor.dtype];
    this.length = tensor.data.length * this.width;
  }

  subarray(from = 0, to = this.length): Uint8Array {
    const { dtype, data } = this.tensor;
    const first = Math.floor(from / this.width);
    const part = data.subarray(first, Math.ceil(to / this.width));
    const start = first * this.width;
    return this.encode(new Tensor(dtype, [part.length], part)).subarray(from - start, to - start);
  }
}

/** So many bytes are copied in a millisecond or less. */
const COPIED_BYTES = 2 ** 20;

/** Copies bytes to `at` of an array, in slices. */
export function* copySlices<A extends Uint8Array>(bytes: Bytes, into: A, at = 0): Generator<void, A> {
  for (let from = 0; from < bytes.length; from += COPIED_BYTES) {
    if (from > 0) yield;
    into.set(bytes.subarray(from, Math.min(from + COPIED_BYTES, bytes.length)), at + from);
  }
  return into;
}

/** So many bytes are hashed in a millisecond or less. */
const HASHED_BYTES = 2 ** 18;

/** Adds bytes to a hash in slices. */
export function* hashSlices(hash: { update(bytes: Uint8Array): unknown }, bytes: Uint8Array): Generator<void> {
  for (let from = 0; from < bytes.length; from += HASHED_BYTES) {
    if (from > 0) yield;
    hash.update(bytes.subarray(from, from + HASHED_BYTES));
  }
}
