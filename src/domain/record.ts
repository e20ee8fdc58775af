import { type Bytes, ElementBytes, JoinedBytes, LONG_BYTES } from './bytes.ts';
import type { JsonObject } from './json.ts';
import { BYTES_PER_ELEMENT, type Dtype, type Shape, sizeOf, type Tensor } from './tensor.ts';
import { encodeElements, viewElements, viewSlices } from './tensor-bytes.ts';

/** A stored thing: JSON fields and named tensors. */
export interface StoredRecord<F = JsonObject> {
  readonly fields: F;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** A tensor as the header names it. */
interface Described {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: Shape;
}

const MAGIC = 0x31525343; // "CSR1", little-endian
const HEAD_BYTES = 8;
/** Tensors begin at a multiple of it, so they can be read in place. */
const ALIGNMENT = 8;
const SPACE = 0x20;
const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Layout: magic, length of the header (both uint32 little-endian), header JSON with spaces up to a multiple of 8 bytes, then
 * the tensors' bytes in its order. The result is for as long as a request (pooled-arrays.ts).
 */
export function encodeRecord<F>(record: StoredRecord<F>): Uint8Array {
  return recordBytes(record).subarray();
}

/** The same, made when it is written where it is long: then the tensors must stay as they are. */
export function recordBytes<F>({ fields, tensors }: StoredRecord<F>): Bytes {
  const described: Described[] = [];
  let tensorBytes = 0;
  for (const name in tensors) {
    const { dtype, shape, data } = tensors[name];
    described.push({ name, dtype, shape });
    tensorBytes += data.length * BYTES_PER_ELEMENT[dtype];
  }
  const isLong = tensorBytes > LONG_BYTES;
  const header = JSON.stringify({ fields, tensors: described });
  const headerBytes = Buffer.byteLength(header);
  const start = aligned(HEAD_BYTES + headerBytes);
  const bytes = Buffer.allocUnsafe(isLong ? start : start + tensorBytes);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(start - HEAD_BYTES, 4);
  bytes.write(header, HEAD_BYTES);
  bytes.fill(SPACE, HEAD_BYTES + headerBytes, start);
  if (isLong) return new JoinedBytes([bytes, ...Object.values(tensors).map((tensor) => new ElementBytes(tensor))]);
  let offset = start;
  for (const name in tensors) {
    const elements = encodeElements(tensors[name]);
    bytes.set(elements, offset);
    offset += elements.length;
  }
  return bytes;
}

function aligned(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}

/**
 * Its tensors are views of `bytes` where they are aligned there.
 * @throws {Error} if the bytes are not a record: a damaged store must never be misread.
 */
export function decodeRecord<F>(bytes: Uint8Array): StoredRecord<F> {
  const { fields, placed } = readHeader<F>(bytes);
  const tensors: Record<string, Tensor> = {};
  for (const { name, dtype, shape, start } of placed) tensors[name] = viewElements(dtype, shape, bytes, start);
  return { fields, tensors };
}

/** The same in slices. */
export function* decodeRecordSlices<F>(bytes: Uint8Array): Generator<void, StoredRecord<F>> {
  const { fields, placed } = readHeader<F>(bytes);
  const tensors: Record<string, Tensor> = {};
  for (const { name, dtype, shape, start } of placed) tensors[name] = yield* viewSlices(dtype, shape, bytes, start);
  return { fields, tensors };
}

interface Placed extends Described {
  readonly start: number;
}

function readHeader<F>(bytes: Uint8Array): { readonly fields: F; readonly placed: readonly Placed[] } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < HEAD_BYTES || buffer.readUInt32LE(0) !== MAGIC)
    throw new Error('the store holds a damaged record');
  let start = HEAD_BYTES + buffer.readUInt32LE(4);
  const header: { fields: F; tensors: Described[] } = JSON.parse(decoder.decode(buffer.subarray(HEAD_BYTES, start)));
  const placed = header.tensors.map(({ name, dtype, shape }) => {
    const here = { name, dtype, shape, start };
    start += sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
    if (start > bytes.length) throw new Error('the store holds a truncated record');
    return here;
  });
  return { fields: header.fields, placed };
}
