/**
 * How Python, NumPy and TensorFlow print the values of the tutorial: only the forms that occur in it, and an Error for
 * any other, so that nothing is ever printed that Python would print in another way.
 */
import type { Json } from '../src/domain/json.ts';

/** A tensor as the service answers it, nested. */
export type Nested = number | readonly Nested[];

/** Keras makes floats of these, and JSON does not tell 0.0 from 0. */
const FLOAT_FIELDS: ReadonlySet<string> = new Set(['dropout', 'recurrent_dropout']);

/** Python's repr() of a value that came as JSON. */
export function pythonRepr(value: Json, isFloat = false): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return isFloat ? pythonFloat(value) : `${value}`;
  if (typeof value === 'string') return pythonString(value);
  if (isArray(value)) return `[${value.map((item) => pythonRepr(item)).join(', ')}]`;
  const items = Object.entries(value).map(([k, v]) => `${pythonString(k)}: ${pythonRepr(v, FLOAT_FIELDS.has(k))}`);
  return `{${items.join(', ')}}`;
}

/** Python's repr() of a string without quotes, backslashes and unprintable characters. */
function pythonString(text: string): string {
  if (!/^[\x20-\x7e]*$/.test(text) || /['\\]/.test(text)) throw new Error(`no form for ${JSON.stringify(text)}`);
  return `'${text}'`;
}

/** Python's repr() of a float, NumPy's str() of a scalar: at least one digit after the point, no exponent. */
function pythonFloat(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || (size !== 0 && (size < 1e-4 || size >= 1e16))) throw new Error(`no form for ${value}`);
  const text = Object.is(value, -0) ? '-0' : `${value}`;
  return text.includes('.') ? text : `${text}.0`;
}

/** Python's repr() of a tuple of whole numbers: `()`, `(1,)`, `(1, 1)`. */
function pythonTuple(items: readonly number[]): string {
  return `(${items.join(', ')}${items.length === 1 ? ',' : ''})`;
}

/**
 * NumPy's str() of an array of floats, or of a scalar: `[-1.         0.9999877  1.       ]`. All elements get the width
 * of the widest before and after the point (numpy/core/arrayprint.py, FloatingFormat, floatmode 'maxprec', precision 8).
 */
export function numpyString(value: Nested): string {
  if (typeof value === 'number') return pythonFloat(value);
  const parts = flatten(value).map(parts8);
  const before = Math.max(...parts.map(([whole]) => whole.length));
  const after = Math.max(...parts.map(([, fraction]) => fraction.length));
  const element = (number: number) => {
    const [whole, fraction] = parts8(number);
    return `${whole.padStart(before)}.${fraction.padEnd(after)}`;
  };
  return nest(value, element);
}

/** A tensor as the service answers it to `"tensor_format": "flat"`. */
export interface FlatTensor {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly data: readonly number[];
}

/** `tf.Tensor([[6.]], shape=(1, 1), dtype=float32)` */
export function tensorString({ shape, dtype, data }: FlatTensor): string {
  return `tf.Tensor(${numpyString(nestedOf(data, shape))}, shape=${pythonTuple(shape)}, dtype=${dtype})`;
}

/** `<tf.Variable 'Variable:0' shape=() dtype=float32, numpy=1.0>`: a scalar of TensorFlow. */
export function tfVariableString(name: string, { shape, dtype, value }: PrintedVariable): string {
  if (typeof value !== 'number') throw new Error('no form for a tf.Variable that is not a scalar');
  return `<tf.Variable ${pythonString(name)} shape=${pythonTuple(shape)} dtype=${dtype}, numpy=${numpyString(value)}>`;
}

/** `<Variable path=simple_rnn_cell/kernel, shape=(1, 1), dtype=float32, value=[[1.]]>`: one of Keras. */
export function kerasVariableString(path: string, { shape, dtype, value }: PrintedVariable): string {
  return `<Variable path=${path}, shape=${pythonTuple(shape)}, dtype=${dtype}, value=${numpyString(value)}>`;
}

export interface PrintedVariable {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly value: Nested;
}

function nestedOf(data: readonly number[], [extent, ...rest]: readonly number[]): Nested {
  if (extent === undefined) return data[0];
  const size = data.length / extent;
  return Array.from({ length: extent }, (_, i) => nestedOf(data.slice(i * size, (i + 1) * size), rest));
}

/** A number's digits before and after the point, of those at most 8; NumPy writes no zero after it. */
function parts8(value: number): readonly [string, string] {
  const text = pythonFloat(value);
  // NumPy goes over to exponents where an element has one of these sizes.
  if (value !== 0 && (Math.abs(value) >= 1e8 || Math.abs(value) < 1e-4)) throw new Error(`no form for ${value}`);
  const [whole, fraction] = text.split('.');
  if (fraction.length > 8) throw new Error(`no form for ${value}`);
  return [whole, fraction === '0' ? '' : fraction];
}

function nest(value: Nested, element: (number: number) => string): string {
  if (typeof value === 'number') return element(value);
  if (value.length > 1 && typeof value[0] !== 'number') throw new Error('no form for more than one row');
  return `[${value.map((item) => nest(item, element)).join(' ')}]`;
}

function flatten(value: Nested): number[] {
  return typeof value === 'number' ? [value] : value.flatMap(flatten);
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
