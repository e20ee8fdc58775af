import { allocate, type Dtype, Tensor } from './tensor.ts';

export const SAFETENSORS = 'application/x-safetensors';

/** Named tensors, and all other fields as JSON text: what the service sends and takes. */
export interface TensorFile {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const TYPES = { float64: 'F64', float32: 'F32', int64: 'I64', int32: 'I32', bool: 'BOOL' } as const satisfies Record<
  Dtype,
  string
>;
const DTYPES = new Map(Object.entries(TYPES).map(([dtype, type]) => [type as string, dtype as Dtype]));
/** Longer headers are not read: no reply of the service has one. */
const MAX_HEADER_BYTES = 2 ** 26;

/** The bytes of a file: 8 bytes of length, a JSON header, the tensors' bytes, each at a multiple of 8. */
export function writeSafetensors({ tensors, metadata }: TensorFile): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  // The largest elements first, so that each tensor starts at a multiple of its element's size.
  const ordered = [...tensors].toSorted(([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT);
  let size = 0;
  for (const [name, { dtype, shape, data }] of ordered) {
    header[name] = { dtype: TYPES[dtype], shape, data_offsets: [size, size + data.byteLength] };
    size += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const start = 8 + Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(start + size);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - 8), true);
  bytes.set(json, 8);
  bytes.fill(0x20, 8 + json.length, start);
  let offset = start;
  for (const [, { data }] of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return bytes;
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** Reads a file; 16-bit floats become float32. @throws {RangeError} where the bytes are not such a file */
export function readSafetensors(bytes: Uint8Array): TensorFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < 8 ? Number.POSITIVE_INFINITY : Number(view.getBigUint64(0, true));
  if (length > Math.min(MAX_HEADER_BYTES, bytes.length - 8))
    throw new RangeError('The reply is not a safetensors file.');
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<string, Entry>;
  const { __metadata__: metadata = {}, ...entries } = header as Record<string, unknown>;
  const body = bytes.subarray(8 + length);
  const tensors = Object.entries(entries as Record<string, Entry>).map(([name, entry]): [string, Tensor] => [
    name,
    readTensor(entry, body.slice(...entry.data_offsets)),
  ]);
  return { tensors: new Map(tensors), metadata: metadata as Record<string, string> };
}

/** `bytes` have a buffer of their own, so that every typed array may lie over it. */
function readTensor({ dtype: type, shape }: Entry, bytes: Uint8Array<ArrayBuffer>): Tensor {
  if (type === 'F16' || type === 'BF16') {
    const halves = new Uint16Array(bytes.buffer);
    return new Tensor(Float32Array.from(halves, type === 'F16' ? fromFloat16 : fromBfloat16), shape);
  }
  const dtype = DTYPES.get(type);
  if (!dtype) throw new RangeError(`The reply has a tensor of type ${type}, which this client does not know.`);
  const Data = allocate(dtype, 0).constructor as new (buffer: ArrayBuffer) => Tensor['data'];
  return new Tensor(new Data(bytes.buffer), shape, dtype);
}

function fromBfloat16(half: number): number {
  return new Float32Array(Uint32Array.of(half << 16).buffer)[0];
}

/** IEEE 754 binary16. */
function fromFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
