import {
  allocate,
  BYTES_PER_ELEMENT,
  type Dtype,
  roundToBfloat16,
  type Tensor,
  type TensorData,
} from '../domain/tensor.ts';

/**
 * Element types in files. A type without a dtype in cellstep is widened to the smallest dtype that holds every value. For
 * uint64 there is none.
 */
export const ELEMENT_TYPES = {
  f16: { bytes: 2, dtype: 'float16' },
  bf16: { bytes: 2, dtype: 'bfloat16' },
  f32: { bytes: 4, dtype: 'float32' },
  f64: { bytes: 8, dtype: 'float64' },
  i8: { bytes: 1, dtype: 'int32' },
  i16: { bytes: 2, dtype: 'int32' },
  i32: { bytes: 4, dtype: 'int32' },
  i64: { bytes: 8, dtype: 'int64' },
  u8: { bytes: 1, dtype: 'int32' },
  u16: { bytes: 2, dtype: 'int32' },
  u32: { bytes: 4, dtype: 'int64' },
  bool: { bytes: 1, dtype: 'bool' },
} as const satisfies Record<string, { bytes: number; dtype: Dtype }>;
export type ElementType = keyof typeof ELEMENT_TYPES;

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** float16 and bfloat16 are held in float32. */
const HELD_BYTES: Readonly<Record<Dtype, number>> = { ...BYTES_PER_ELEMENT, float16: 4, bfloat16: 4 };

/** The bytes of decoded elements of this type. */
export function decodedBytes(type: ElementType, size: number): number {
  return size * HELD_BYTES[ELEMENT_TYPES[type].dtype];
}

/**
 * Elements from bytes of any alignment, which are copied. Bits are kept: -0 and the payloads of NaNs.
 * @throws {RangeError} if the bytes are not a whole number of elements, or a bool is neither 0 nor 1
 */
export function decodeElements(type: ElementType, bytes: Uint8Array, littleEndian = true): TensorData {
  const width = ELEMENT_TYPES[type].bytes;
  requireWhole(type, bytes);
  const { buffer } = inHostOrder(bytes, width, littleEndian);
  switch (type) {
    case 'f16':
      return widen(new Uint16Array(buffer), float16ToFloat32Bits);
    case 'bf16':
      return widen(new Uint16Array(buffer), (bits) => bits << 16);
    case 'f32':
      return new Float32Array(buffer);
    case 'f64':
      return new Float64Array(buffer);
    case 'i8':
      return Int32Array.from(new Int8Array(buffer));
    case 'i16':
      return Int32Array.from(new Int16Array(buffer));
    case 'i32':
      return new Int32Array(buffer);
    case 'i64':
      return new BigInt64Array(buffer);
    case 'u8':
      return Int32Array.from(new Uint8Array(buffer));
    case 'u16':
      return Int32Array.from(new Uint16Array(buffer));
    case 'u32':
      return BigInt64Array.from(new Uint32Array(buffer), BigInt);
    case 'bool':
      return booleans(new Uint8Array(buffer));
  }
}

function requireWhole(type: ElementType, { length }: Uint8Array): void {
  if (length % ELEMENT_TYPES[type].bytes !== 0)
    throw new RangeError(`${length} bytes are not a whole number of ${type} elements`);
}

/** So many bytes are copied, converted or looked through in a millisecond or so. */
const SLICE_BYTES = 2 ** 20;

/** The same in slices. @throws {RangeError} as decodeElements */
export function* decodeSlices(type: ElementType, bytes: Uint8Array, littleEndian = true): Generator<void, TensorData> {
  if (bytes.length <= SLICE_BYTES) return decodeElements(type, bytes, littleEndian);
  requireWhole(type, bytes);
  if (type === 'bool') yield* boolSlices(bytes);
  const { bytes: width, dtype } = ELEMENT_TYPES[type];
  const elements = allocate(dtype, bytes.length / width);
  for (let from = 0; from < bytes.length; from += SLICE_BYTES) {
    const part = decodeElements(type, bytes.subarray(from, from + SLICE_BYTES), littleEndian);
    elements.set(part as never, from / width);
    yield;
  }
  return elements;
}

/** As viewElements, in slices. */
export function* viewSlices(type: ElementType, bytes: Uint8Array): Generator<void, TensorData> {
  if (bytes.length <= SLICE_BYTES) return viewElements(type, bytes);
  if (type === 'bool') {
    yield* boolSlices(bytes);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  return isViewed(type, bytes) ? viewElements(type, bytes) : yield* decodeSlices(type, bytes);
}

function* boolSlices(bytes: Uint8Array): Generator<void, void> {
  for (let from = 0; from < bytes.length; from += SLICE_BYTES) {
    requireBools(bytes.subarray(from, from + SLICE_BYTES), from);
    yield;
  }
}

/** Whether its elements need no copy. */
function isViewed(type: ElementType, { byteOffset, length }: Uint8Array): boolean {
  const { bytes: width, dtype } = ELEMENT_TYPES[type];
  const asItIs = HELD_BYTES[dtype] === width;
  return HOST_IS_LITTLE_ENDIAN && asItIs && byteOffset % width === 0 && length % width === 0;
}

/** The same without a copy if possible: the bytes are aligned, the machine is little-endian, and the type is held as it is. */
export function viewElements(type: ElementType, bytes: Uint8Array): TensorData {
  if (!isViewed(type, bytes)) return decodeElements(type, bytes);
  const { buffer, byteOffset, length } = bytes;
  const width = ELEMENT_TYPES[type].bytes;
  switch (type) {
    case 'f32':
      return new Float32Array(buffer, byteOffset, length / width);
    case 'f64':
      return new Float64Array(buffer, byteOffset, length / width);
    case 'i32':
      return new Int32Array(buffer, byteOffset, length / width);
    case 'i64':
      return new BigInt64Array(buffer, byteOffset, length / width);
    case 'bool':
      return booleans(new Uint8Array(buffer, byteOffset, length));
    default:
      return decodeElements(type, bytes);
  }
}

/** A tensor's elements, little-endian; a view without a copy if possible. */
export function elementBytes(tensor: Tensor): Uint8Array {
  const { data, dtype } = tensor;
  if (!HOST_IS_LITTLE_ENDIAN || dtype === 'float16' || dtype === 'bfloat16') return encodeElements(tensor);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A tensor's elements, little-endian, in a fresh array. Bits are kept as by `decodeElements`. */
export function encodeElements(tensor: Tensor): Uint8Array<ArrayBuffer> {
  const { data, dtype } = tensor;
  if (data instanceof Float32Array && dtype === 'float16') return toBytes(float16Of(data));
  if (data instanceof Float32Array && dtype === 'bfloat16') return toBytes(narrow(data, float32ToBfloat16Bits));
  return toBytes(data);
}

function toBytes(data: TensorData | Uint16Array): Uint8Array<ArrayBuffer> {
  return inHostOrder(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), data.BYTES_PER_ELEMENT, true);
}

/** A copy between the host's byte order and the given one (the same swap both ways). */
function inHostOrder(bytes: Uint8Array, width: number, littleEndian: boolean): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  if (littleEndian !== HOST_IS_LITTLE_ENDIAN && width > 1) {
    for (let at = 0; at < copy.length; at += width) copy.subarray(at, at + width).reverse();
  }
  return copy;
}

function booleans(bytes: Uint8Array): Uint8Array {
  requireBools(bytes, 0);
  return bytes;
}

/** `first` is the place of the first among all. @throws {RangeError} if one is neither 0 nor 1 */
export function requireBools(bytes: Uint8Array, first: number): void {
  // Four at once: a file may have millions.
  const whole = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + 4 <= bytes.length && (whole.getUint32(at) & 0xfefefefe) === 0) at += 4;
  for (; at < bytes.length; at++) {
    if (bytes[at] > 1) throw new RangeError(`the bool at ${first + at} is ${bytes[at]}, neither 0 nor 1`);
  }
}

function widen(halves: Uint16Array, toBits: (half: number) => number): Float32Array {
  const result = new Float32Array(halves.length);
  const bits = new Int32Array(result.buffer);
  for (let i = 0; i < halves.length; i++) bits[i] = toBits(halves[i]);
  return result;
}

/** Node converts fast, and the NaNs keep their bits after it. */
function float16Of(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(new Float16Array(values).buffer);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < halves.length; i++) {
    if ((bits[i] & 0x7fffffff) > 0x7f800000) halves[i] = nanBits(bits[i], 0x7c00, 13);
  }
  return halves;
}

function narrow(values: Float32Array, toBits: (bits: number, value: number) => number): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = toBits(bits[i], values[i]);
  return halves;
}

/** Converts bits, because a JavaScript number may change a NaN. */
function float16ToFloat32Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

const rounded = new Float32Array(1);
const roundedBits = new Uint32Array(rounded.buffer);

function float32ToBfloat16Bits(bits: number, value: number): number {
  if (Number.isNaN(value)) return nanBits(bits, 0x7f80, 16);
  rounded[0] = roundToBfloat16(value);
  return roundedBits[0] >>> 16;
}

/** A NaN's sign and the leading bits of its payload. If these are all 0, sets the quiet bit, so that it stays a NaN. */
function nanBits(bits: number, exponent: number, dropped: number): number {
  const fractionMask = exponent === 0x7c00 ? 0x3ff : 0x7f;
  const fraction = (bits >>> dropped) & fractionMask;
  return ((bits >>> 16) & 0x8000) | exponent | (fraction === 0 ? (fractionMask + 1) >> 1 : fraction);
}
