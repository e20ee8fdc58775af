import { pooledFloat32 } from './pooled-arrays.ts';
import { fieldProblem } from './problems.ts';
import { type Dtype, type FloatArray, formatShape, fromFloat64, type Shape, Tensor, toFloat64 } from './tensor.ts';

/** A tensor as a request wrote it: its values, before they take the dtype of what they are for. */
export interface TensorLiteral {
  readonly shape: Shape;
  readonly values: Float64Array;
  /** Set if an integer beyond 2^53 was written as a string. Then it holds every value exactly. */
  readonly integers?: BigInt64Array;
  /** The dtype that the request named, or 'bool' if it wrote true and false. */
  readonly dtype?: Dtype;
  /** The place of the values in the request if they are not nested arrays, for messages. */
  readonly field?: 'data' | 'base64' | 'file';
}

/** A tensor that was sent as bytes. Its values are converted to float64 only if another dtype is needed. */
export class SentTensor implements TensorLiteral {
  readonly tensor: Tensor;
  readonly field: 'base64' | 'file';
  private converted: Float64Array | undefined;

  constructor(tensor: Tensor, field: 'base64' | 'file' = 'file') {
    this.tensor = tensor;
    this.field = field;
  }

  get shape(): Shape {
    return this.tensor.shape;
  }

  get dtype(): Dtype {
    return this.tensor.dtype;
  }

  get values(): Float64Array {
    this.converted ??= toFloat64(this.tensor);
    return this.converted;
  }

  get integers(): BigInt64Array | undefined {
    const { data } = this.tensor;
    // Without big integers the literal may become any dtype.
    return data instanceof BigInt64Array && !this.values.every(Number.isSafeInteger) ? data : undefined;
  }
}

/** `{ "variable": "xt" }`: the present value of a stand-alone variable. */
export interface VariableReference {
  readonly variable: string;
}

export type TensorInput = TensorLiteral | VariableReference;

/** One state of a request; null stands for zeros. */
export type StateGiven = TensorInput | null;

/**
 * The states of a cell as a request gives them: a list with one tensor a state, or one bare tensor. `nested` is the same
 * list read as Keras nests it, with the states of each cell of a stack in a list of their own; which of the two is meant
 * depends on the cell.
 */
export type StatesGiven =
  | { readonly list?: readonly StateGiven[]; readonly nested?: readonly StateGiven[] }
  | { readonly bare: TensorInput };

export function isReference(input: TensorInput): input is VariableReference {
  return 'variable' in input;
}

const FLOAT_MAX: Partial<Record<Dtype, number>> = {
  float32: 3.4028235677973366e38,
  float16: 65520,
  bfloat16: 3.3961775292304601e38,
};
const INTEGER_RANGE: Partial<Record<Dtype, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
};

/**
 * The literal as a tensor of `dtype`; floats are rounded once from float64. `pointer` is its place in the body (RFC 6901).
 * @throws {Problem} value-out-of-range if a finite value would become infinite or is not a value of an integer dtype;
 * invalid-request if integers are written as strings for a dtype other than int64
 */
export function literalToTensor(literal: TensorLiteral, dtype: Dtype, pointer: string): Tensor {
  if (literal instanceof SentTensor && literal.dtype === dtype) return literal.tensor;
  const { shape, values, integers } = literal;
  const range = INTEGER_RANGE[dtype];
  if (integers && dtype !== 'int64') {
    const detail = `Integers written as strings are for int64; this is ${dtype}. Send numbers.`;
    throw fieldProblem('invalid-request', pointer, detail);
  }
  if (range) return integerTensor(literal, dtype, range, pointer);
  if (dtype === 'bool') {
    const odd = values.findIndex((value) => value !== 0 && value !== 1);
    if (odd >= 0) throw outOfRange(literal, pointer, odd, `${values[odd]} is not a bool; send true, false, 0 or 1.`);
  }
  const tensor = dtype === 'float32' ? inFloat32(shape, values) : fromFloat64(dtype, shape, values);
  const limit = FLOAT_MAX[dtype];
  if (limit === undefined || allFinite(tensor.data as FloatArray)) return tensor;
  const over = values.findIndex((value) => Math.abs(value) >= limit && Number.isFinite(value));
  if (over < 0) return tensor;
  const infinity = values[over] > 0 ? 'Infinity' : '-Infinity';
  const detail = `${values[over]} is beyond the range of ${dtype}; send "${infinity}" if you mean that.`;
  throw outOfRange(literal, pointer, over, detail);
}

/** As `fromFloat64`; each element is rounded once, by the conversion of typed arrays. */
function inFloat32(shape: Shape, values: Float64Array): Tensor {
  const data = pooledFloat32(values.length);
  data.set(values);
  return new Tensor('float32', shape, data);
}

/** 0 times what is not finite is NaN. */
function allFinite(values: FloatArray): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * 0;
  return sum === 0;
}

function integerTensor(
  literal: TensorLiteral,
  dtype: Dtype,
  [low, high]: readonly [bigint, bigint],
  pointer: string,
): Tensor {
  const { shape, values, integers } = literal;
  const exact = new BigInt64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    if (!integers && dtype === 'int64' && Number.isInteger(values[i]) && !Number.isSafeInteger(values[i])) {
      const detail = `${values[i]} is past 2^53, where a JSON number loses digits; send integers there as strings.`;
      throw outOfRange(literal, pointer, i, detail);
    }
    const whole = integers ? integers[i] : Number.isInteger(values[i]) ? BigInt(values[i]) : undefined;
    if (whole === undefined || whole < low || whole > high) {
      throw outOfRange(
        literal,
        pointer,
        i,
        `${whole ?? values[i]} is not an ${dtype}; send whole numbers from ${low} to ${high}.`,
      );
    }
    exact[i] = whole;
  }
  return dtype === 'int64' ? new Tensor(dtype, shape, exact) : new Tensor(dtype, shape, Int32Array.from(exact, Number));
}

function outOfRange(literal: TensorLiteral, pointer: string, index: number, detail: string) {
  const { field, shape } = literal;
  const places = { data: `/data/${index}`, base64: '/base64', file: '', nested: indexPointer(shape, index) };
  const place = places[field ?? 'nested'];
  return fieldProblem('value-out-of-range', `${pointer}${place}`, detail);
}

/** `/0/2`: the place of a flat index in a nested tensor of that shape. */
function indexPointer(shape: Shape, index: number): string {
  let pointer = '';
  let rest = index;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    pointer = `/${rest % shape[axis]}${pointer}`;
    rest = Math.floor(rest / shape[axis]);
  }
  return pointer;
}

/**
 * Checks a tensor's shape against a pattern in which null means any extent. `meaning` ends the message, e.g. `this cell takes
 * [batch, 3]. Send 3 features`.
 * @throws {Problem} wrong-shape quoting both.
 */
export function requireShape(
  shape: Shape,
  pattern: readonly (number | null)[],
  pointer: string,
  meaning: () => string,
): void {
  const fits =
    shape.length === pattern.length && pattern.every((extent, axis) => extent === null || extent === shape[axis]);
  if (fits) return;
  throw fieldProblem('wrong-shape', pointer, `'${pointer.slice(1)}' has shape ${formatShape(shape)}; ${meaning()}.`);
}
