import type { JsonObject } from './json.ts';
import { BYTES_PER_ELEMENT, type Dtype, type Shape, sizeOf, type Tensor } from './tensor.ts';
import { decodeElements, encodeElements } from './tensor-bytes.ts';

/** A stored thing: JSON fields and named tensors. */
export interface StoredRecord<F = JsonObject> {
  readonly fields: F;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

const MAGIC = 0x31525343; // "CSR1", little-endian
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Layout: magic, length of the header (both uint32 little-endian), header JSON, then the tensors' bytes in its order. */
export function encodeRecord<F>(record: StoredRecord<F>): Uint8Array {
  const entries = Object.entries(record.tensors);
  const header = encoder.encode(
    JSON.stringify({
      fields: record.fields,
      tensors: entries.map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    }),
  );
  const parts = entries.map(([, tensor]) => encodeElements(tensor));
  const bytes = new Uint8Array(8 + header.length + parts.reduce((sum, part) => sum + part.length, 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, header.length, true);
  bytes.set(header, 8);
  let offset = 8 + header.length;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** @throws {Error} if the bytes are no record: a damaged store must never be misread. */
export function decodeRecord<F>(bytes: Uint8Array): StoredRecord<F> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8 || view.getUint32(0, true) !== MAGIC) throw new Error('the store holds a damaged record');
  const start = 8 + view.getUint32(4, true);
  const header = JSON.parse(decoder.decode(bytes.subarray(8, start))) as {
    fields: F;
    tensors: { name: string; dtype: Dtype; shape: Shape }[];
  };
  const tensors: Record<string, Tensor> = {};
  let offset = start;
  for (const { name, dtype, shape } of header.tensors) {
    const end = offset + sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
    if (end > bytes.length) throw new Error('the store holds a truncated record');
    tensors[name] = decodeElements(dtype, shape, bytes.subarray(offset, end));
    offset = end;
  }
  return { fields: header.fields, tensors };
}
