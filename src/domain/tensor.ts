import { Problem } from './problems.ts';

/** Element types of tensors. float16 and bfloat16 values are held, already rounded, in a Float32Array. */
export const DTYPES = ['float32', 'float64', 'float16', 'bfloat16', 'int32', 'int64', 'bool'] as const;
export type Dtype = (typeof DTYPES)[number];

export type Shape = readonly number[];
export type FloatArray = Float32Array | Float64Array;
export type TensorData = FloatArray | Int32Array | BigInt64Array | Uint8Array;

/** Bytes of one element when values are stored or sent as bytes. */
export const BYTES_PER_ELEMENT: Readonly<Record<Dtype, number>> = {
  float16: 2,
  bfloat16: 2,
  float32: 4,
  float64: 8,
  int32: 4,
  int64: 8,
  bool: 1,
};

/** A dense, row-major array of one dtype. Its data is not changed after construction. */
export class Tensor {
  readonly dtype: Dtype;
  readonly shape: Shape;
  readonly data: TensorData;

  /** @throws {RangeError} if data has not exactly as many elements as shape says. */
  constructor(dtype: Dtype, shape: Shape, data: TensorData) {
    if (data.length !== sizeOf(shape))
      throw new RangeError(`shape ${formatShape(shape)} does not hold ${data.length} elements`);
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
  }
}

export function sizeOf(shape: Shape): number {
  let size = 1;
  for (let axis = 0; axis < shape.length; axis++) size *= shape[axis];
  return size;
}

/** `[2,3]`, as messages write a shape. */
export function formatShape(shape: readonly (number | null)[]): string {
  return `[${shape.map((extent) => extent ?? 'null').join(',')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

export function isFloat(dtype: Dtype): boolean {
  return dtype.startsWith('float') || dtype === 'bfloat16';
}

export function allocate(dtype: Dtype, size: number): TensorData {
  switch (dtype) {
    case 'float64':
      return new Float64Array(size);
    case 'int32':
      return new Int32Array(size);
    case 'int64':
      return new BigInt64Array(size);
    case 'bool':
      return new Uint8Array(size);
    default:
      return new Float32Array(size);
  }
}

export function zeros(dtype: Dtype, shape: Shape): Tensor {
  return new Tensor(dtype, shape, allocate(dtype, sizeOf(shape)));
}

/** Rounds a float64 to the nearest value of a float dtype (ties to even), once. */
export function rounder(dtype: Dtype): (value: number) => number {
  if (dtype === 'float32') return Math.fround;
  if (dtype === 'float16') return Math.f16round;
  if (dtype === 'bfloat16') return roundToBfloat16;
  return (value) => value;
}

const scratch = new DataView(new ArrayBuffer(8));
const words = new Uint32Array(2);
const double = new Float64Array(words.buffer);
/** Where the high word of a float64 is. */
const HIGH = new Uint8Array(Uint16Array.of(1).buffer)[0];
const LEAST_NORMAL = 2 ** -126;

/** Nearest bfloat16 (8 significant bits), ties to even, in one rounding from float64. */
export function roundToBfloat16(value: number): number {
  if (!Number.isFinite(value) || value === 0) return value;
  if (Math.abs(value) >= LEAST_NORMAL) return roundNormal(value);
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(value))), -126);
  // log2 may be off by one next to a power of two; both neighbours are exact to test.
  const low = Math.abs(value) < 2 ** exponent && exponent > -126 ? exponent - 1 : exponent;
  const e = Math.abs(value) >= 2 ** (low + 1) ? low + 1 : low;
  const step = 2 ** (e - 7);
  const scaled = value / step;
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
  scratch.setFloat32(0, rounded * step);
  const result = scratch.getFloat32(0);
  return result === 0 && value < 0 ? -0 : result;
}

/** Of the 52 bits of the significand 7 are kept: those below are 13 in the high word and all of the low one. */
function roundNormal(value: number): number {
  double[0] = value;
  const rest = words[HIGH] & 0x1fff;
  const isOdd = (words[HIGH] & 0x2000) !== 0;
  const up = rest > 0x1000 || (rest === 0x1000 && (words[1 - HIGH] !== 0 || isOdd));
  // A carry goes on into the exponent.
  words[HIGH] = words[HIGH] - rest + (up ? 0x2000 : 0);
  words[1 - HIGH] = 0;
  return Math.fround(double[0]);
}

/** The elements as float64 numbers (int64 beyond 2^53 loses precision). A fresh array. */
export function toFloat64(tensor: Tensor): Float64Array {
  const { data } = tensor;
  return data instanceof BigInt64Array ? Float64Array.from(data, Number) : Float64Array.from(data);
}

/**
 * The same values in another dtype: floats rounded once, to an integer truncated toward zero, to bool `value !== 0`.
 * @throws {Problem} value-out-of-range if an integer dtype cannot hold a value
 */
export function cast(tensor: Tensor, dtype: Dtype): Tensor {
  if (tensor.dtype === dtype) return tensor;
  if (tensor.data instanceof BigInt64Array && dtype === 'int64') return new Tensor(dtype, tensor.shape, tensor.data);
  return fromFloat64(dtype, tensor.shape, toFloat64(tensor));
}

/** A tensor of the given dtype from float64 numbers, by the rules of `cast`. */
export function fromFloat64(dtype: Dtype, shape: Shape, values: ArrayLike<number>): Tensor {
  // Each element rounded once, by the conversion of typed arrays.
  if (dtype === 'float32') return new Tensor(dtype, shape, new Float32Array(values));
  const data = allocate(dtype, values.length);
  if (data instanceof BigInt64Array) {
    for (let i = 0; i < values.length; i++) data[i] = BigInt(integer(values[i], dtype, -(2 ** 63), 2 ** 63 - 1024));
  } else if (dtype === 'int32') {
    for (let i = 0; i < values.length; i++) data[i] = integer(values[i], dtype, -(2 ** 31), 2 ** 31 - 1);
  } else if (dtype === 'bool') {
    for (let i = 0; i < values.length; i++) data[i] = values[i] !== 0 ? 1 : 0;
  } else {
    const round = rounder(dtype);
    for (let i = 0; i < values.length; i++) data[i] = round(values[i]);
  }
  return new Tensor(dtype, shape, data);
}

function integer(value: number, dtype: Dtype, low: number, high: number): number {
  const whole = Math.trunc(value);
  if (!(whole >= low && whole <= high)) throw new Problem('value-out-of-range', `${value} does not fit ${dtype}.`);
  return whole;
}
