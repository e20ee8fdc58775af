import { allocate, BYTES_PER_ELEMENT, type Dtype, type Shape, sizeOf, Tensor, type TensorData } from './tensor.ts';

const widths = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
};

/** A tensor from little-endian bytes, row-major. Values and NaN payloads keep their bits. Copies. */
export function decodeElements(dtype: Dtype, shape: Shape, bytes: Uint8Array): Tensor {
  // Not bytes.slice: a Buffer's slice copies nothing, and its pool also holds bytes of other requests.
  return viewElements(dtype, shape, new Uint8Array(bytes));
}

/** So many bytes are copied in a millisecond or so. */
const SLICE_BYTES = 2 ** 20;

/** The same in slices. */
export function* decodeSlices(dtype: Dtype, shape: Shape, bytes: Uint8Array): Generator<void, Tensor> {
  if (bytes.length <= SLICE_BYTES) return decodeElements(dtype, shape, bytes);
  const width = BYTES_PER_ELEMENT[dtype];
  const data = allocate(dtype, sizeOf(shape));
  for (let from = 0; from < bytes.length; from += SLICE_BYTES) {
    const part = bytes.subarray(from, from + SLICE_BYTES);
    data.set(decodeElements(dtype, [part.length / width], part).data as never, from / width);
    yield;
  }
  return new Tensor(dtype, shape, data);
}

/** The same from `start` on, without a copy if the bytes are aligned and in the form that memory needs. */
export function viewElements(dtype: Dtype, shape: Shape, bytes: Uint8Array, start = 0): Tensor {
  const size = sizeOf(shape);
  const buffer = bytes.buffer as ArrayBuffer;
  const byteOffset = bytes.byteOffset + start;
  if (byteOffset % BYTES_PER_ELEMENT[dtype] !== 0) return decodeElements(dtype, shape, bytes.subarray(start));
  if (dtype === 'float16')
    return new Tensor(dtype, shape, new Float32Array(new Float16Array(buffer, byteOffset, size)));
  if (dtype === 'bfloat16') {
    const halves = new Uint16Array(buffer, byteOffset, size);
    const bits = new Uint32Array(size);
    for (let i = 0; i < size; i++) bits[i] = halves[i] << 16;
    return new Tensor(dtype, shape, new Float32Array(bits.buffer));
  }
  return new Tensor(dtype, shape, new widths[dtype](buffer, byteOffset, size) as TensorData);
}

/** The same, in slices where elements are widened. */
export function* viewSlices(dtype: Dtype, shape: Shape, bytes: Uint8Array, start: number): Generator<void, Tensor> {
  if (dtype !== 'float16' && dtype !== 'bfloat16') return viewElements(dtype, shape, bytes, start);
  return yield* decodeSlices(dtype, shape, bytes.subarray(start, start + sizeOf(shape) * BYTES_PER_ELEMENT[dtype]));
}

/** The elements as little-endian bytes, row-major. */
export function encodeElements(tensor: Tensor): Uint8Array {
  const { dtype, data } = tensor;
  if (dtype === 'float16') return new Uint8Array(new Float16Array(data as Float32Array).buffer);
  if (dtype === 'bfloat16') {
    const { buffer, byteOffset, length } = data as Float32Array;
    const bits = new Uint32Array(buffer, byteOffset, length);
    const halves = new Uint16Array(length);
    for (let i = 0; i < length; i++) halves[i] = bits[i] >>> 16;
    return new Uint8Array(halves.buffer);
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
