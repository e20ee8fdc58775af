import { ID_PATTERN } from '../src/domain/ids.ts';
import { isJsonObject, quote } from '../src/domain/json.ts';
import type { ProblemCode } from '../src/domain/problems.ts';
import { BYTES_PER_ELEMENT, DTYPES, type Dtype, formatShape, sizeOf, toFloat64 } from '../src/domain/tensor.ts';
import { viewElements } from '../src/domain/tensor-bytes.ts';
import { SentTensor, type TensorInput, type TensorLiteral } from '../src/domain/tensor-literal.ts';
import { counted } from '../src/domain/words.ts';
import { NestedNumbers } from './nested-numbers.ts';

/** Deepest nesting of a tensor on the wire. */
export const MAX_RANK = 8;

/** A mistake in a tensor, and its place in it. */
export class TensorSyntaxError extends Error {
  readonly path: readonly (string | number)[];
  readonly problem: ProblemCode | undefined;

  constructor(message: string, path: readonly (string | number)[], problem?: ProblemCode) {
    super(message);
    this.path = path;
    this.problem = problem;
  }
}

/** The forms of a tensor, as messages name them. */
export const FORMS = 'send nested arrays of numbers, {"shape","data"}, {"shape","dtype","base64"} or {"variable"}';

/**
 * Reads any of the four forms of a tensor from parsed JSON.
 * @throws {TensorSyntaxError}
 */
export function parseTensor(value: unknown): TensorInput {
  if (value === undefined) throw new TensorSyntaxError(`This field is missing; ${FORMS}.`, []);
  if (value === null) throw new TensorSyntaxError(`null is not a tensor; ${FORMS}.`, []);
  if (value instanceof NestedNumbers) return { shape: value.shape, values: value.values };
  if (value instanceof SentTensor) {
    if (value.shape.length <= MAX_RANK) return value;
    throw new TensorSyntaxError(`A tensor has at most ${MAX_RANK} axes.`, [], 'wrong-shape');
  }
  if (!isJsonObject(value)) return parseNested(value);
  if ('variable' in value) {
    const { variable } = value;
    refuseUnknown(value, ['variable']);
    if (typeof variable !== 'string' || !ID_PATTERN.test(variable)) {
      throw new TensorSyntaxError(`${quote(variable)} is not the id of a variable.`, ['variable']);
    }
    return { variable };
  }
  if ('base64' in value) return parseBase64(value);
  if ('data' in value) return parseFlat(value);
  throw new TensorSyntaxError(`${quote(value)} is not a tensor; ${FORMS}.`, []);
}

/** @throws {TensorSyntaxError} also if the tensor refers to a variable */
export function parseLiteral(value: unknown): TensorLiteral {
  const input = parseTensor(value);
  if ('variable' in input) throw new TensorSyntaxError('This field cannot refer to a variable; send the values.', []);
  return input;
}

function parseNested(value: unknown): TensorLiteral {
  const shape: number[] = [];
  let probe = value;
  while (Array.isArray(probe)) {
    shape.push(probe.length);
    if (shape.length > MAX_RANK)
      throw new TensorSyntaxError(`A tensor has at most ${MAX_RANK} axes.`, [], 'wrong-shape');
    probe = probe[0];
  }
  // Before memory is taken: the first list of each axis may promise far more numbers than there are.
  requireEven(value, shape, 0, []);
  const elements = new ElementReader(sizeOf(shape));
  walk(value, shape.length, 0, [], elements);
  return elements.literal(shape);
}

/** @throws {TensorSyntaxError} unless all lists of an axis have its length */
function requireEven(value: unknown, shape: readonly number[], axis: number, path: (string | number)[]): void {
  if (axis === shape.length) return;
  if (!Array.isArray(value)) throw ragged(`is ${quote(value)}; its siblings are arrays of length ${shape[axis]}`, path);
  if (value.length !== shape[axis])
    throw ragged(`has length ${value.length}; its siblings have length ${shape[axis]}`, path);
  if (axis + 1 === shape.length) return;
  for (let i = 0; i < value.length; i++) {
    path.push(i);
    requireEven(value[i], shape, axis + 1, path);
    path.pop();
  }
}

function walk(value: unknown, rank: number, axis: number, path: (string | number)[], out: ElementReader): void {
  if (axis === rank) {
    if (Array.isArray(value)) throw ragged(`is an array; its siblings are numbers`, path);
    out.push(value, path);
    return;
  }
  const list = value as readonly unknown[];
  const isLast = axis + 1 === rank;
  for (let i = 0; i < list.length; i++) {
    if (isLast && out.takes(list[i])) continue;
    path.push(i);
    walk(list[i], rank, axis + 1, path, out);
    path.pop();
  }
}

function ragged(what: string, path: readonly (string | number)[]): TensorSyntaxError {
  const index = path.length > 0 ? `[${path.join('][')}]` : 'the tensor';
  return new TensorSyntaxError(`The tensor is ragged: ${index} ${what}.`, [...path], 'ragged-tensor');
}

function beyondFloat64(value: number, path: readonly (string | number)[]): TensorSyntaxError {
  const message = `The number is beyond the range of float64; send "${value}" if you mean that.`;
  return new TensorSyntaxError(message, [...path], 'value-out-of-range');
}

/** Collects elements one by one; numbers, the three names, digits for big integers, or booleans. */
class ElementReader {
  private readonly values: Float64Array;
  private integers: BigInt64Array | undefined;
  private booleans = 0;
  private count = 0;

  constructor(size: number) {
    this.values = new Float64Array(size);
  }

  /** Collects what most elements are, in a fraction of the time of `push`. Returns whether it is that. */
  takes(value: unknown): boolean {
    if (typeof value === 'boolean') {
      this.booleans++;
      this.values[this.count++] = value ? 1 : 0;
      return true;
    }
    if (typeof value !== 'number' || !Number.isFinite(value)) return false;
    this.values[this.count++] = value;
    return true;
  }

  push(value: unknown, path: readonly (string | number)[]): void {
    if (this.takes(value)) return;
    const at = this.count++;
    if (typeof value === 'number') throw beyondFloat64(value, path);
    if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') {
      this.values[at] = Number(value);
    } else if (typeof value === 'string' && /^-?[0-9]{1,40}$/.test(value)) {
      if (BigInt.asIntN(64, BigInt(value)) !== BigInt(value)) {
        throw new TensorSyntaxError(`${quote(value)} does not fit int64.`, [...path], 'value-out-of-range');
      }
      this.integers ??= new BigInt64Array(this.values.length);
      this.integers[at] = BigInt(value);
      this.values[at] = Number(value);
    } else {
      const names = 'a number, "NaN", "Infinity" or "-Infinity"';
      throw new TensorSyntaxError(`${quote(value)} is not a number; send ${names}.`, [...path]);
    }
  }

  literal(shape: readonly number[], dtype?: Dtype): TensorLiteral {
    const { values, integers } = this;
    if (this.booleans > 0 && this.booleans < values.length) {
      throw new TensorSyntaxError('A tensor has either numbers or booleans, not both.', []);
    }
    if (integers) {
      for (let i = 0; i < values.length; i++) {
        if (integers[i] === 0n && values[i] !== 0) {
          if (!Number.isSafeInteger(values[i])) {
            throw new TensorSyntaxError(`${values[i]} is among integers written as strings; send all as integers.`, []);
          }
          integers[i] = BigInt(values[i]);
        }
      }
    }
    const bool = this.booleans > 0 ? 'bool' : undefined;
    return { shape, values, ...(integers ? { integers } : {}), ...((dtype ?? bool) ? { dtype: dtype ?? bool } : {}) };
  }
}

function parseFlat(value: Record<string, unknown>): TensorLiteral {
  refuseUnknown(value, ['shape', 'data', 'dtype']);
  const shape = parseShape(value.shape);
  const dtype = value.dtype === undefined ? undefined : parseDtype(value.dtype);
  const sent: unknown = value.data;
  if (sent instanceof NestedNumbers && sent.shape.length === 1) {
    const { values } = sent;
    requireSize(shape, values.length, 'data');
    return { shape, values, ...(dtype ? { dtype } : {}), field: 'data' };
  }
  const data = sent instanceof NestedNumbers ? sent.toJSON() : sent;
  if (!Array.isArray(data)) throw new TensorSyntaxError(`${quote(data)} is not a flat list of numbers.`, ['data']);
  requireSize(shape, data.length, 'data');
  const elements = new ElementReader(data.length);
  for (let i = 0; i < data.length; i++) {
    if (!elements.takes(data[i])) elements.push(data[i], ['data', i]);
  }
  return { ...elements.literal(shape, dtype), field: 'data' };
}

function parseBase64(value: Record<string, unknown>): TensorLiteral {
  refuseUnknown(value, ['shape', 'dtype', 'base64']);
  const shape = parseShape(value.shape);
  const dtype = parseDtype(value.dtype);
  const text = value.base64;
  const bytes = typeof text === 'string' || text instanceof Buffer ? bytesOfBase64(text) : undefined;
  if (!bytes) throw new TensorSyntaxError(`${quote(text)} is not base64 (RFC 4648, with padding).`, ['base64']);
  const width = BYTES_PER_ELEMENT[dtype];
  if (bytes.length % width !== 0) {
    throw new TensorSyntaxError(`${bytes.length} bytes are not a whole number of ${dtype} (${width} bytes each).`, [
      'base64',
    ]);
  }
  requireSize(shape, bytes.length / width, 'base64');
  const tensor = viewElements(dtype, shape, bytes);
  // Its bytes may be others than 0 and 1.
  if (dtype === 'bool') return { shape, values: toFloat64(tensor), dtype, field: 'base64' };
  return new SentTensor(tensor, 'base64');
}

/** Characters of base64 that are made a string at a time: long strings cost the collector of garbage more than they are worth. */
const TEXT_AT_ONCE = 2 ** 14;

/**
 * What base64 with padding stands for, for the time of a request; undefined where the text is anything else. A text may be
 * given as the bytes that it is.
 */
function bytesOfBase64(text: string | Buffer): Buffer | undefined {
  const end = typeof text === 'string' ? text.slice(-2) : text.toString('latin1', Math.max(0, text.length - 2));
  const padding = end === '==' ? 2 : end.endsWith('=') ? 1 : 0;
  const length = (text.length / 4) * 3 - padding;
  if (text.length % 4 !== 0) return undefined;
  // Node takes base64 for URLs too.
  if (text.includes('-') || text.includes('_')) return undefined;
  const bytes = Buffer.allocUnsafe(length);
  let written = 0;
  for (let from = 0; from < text.length; from += TEXT_AT_ONCE) {
    const to = Math.min(text.length, from + TEXT_AT_ONCE);
    const part = typeof text === 'string' ? text.slice(from, to) : text.toString('latin1', from, to);
    written += bytes.write(part, written, 'base64');
  }
  // Node passes over what is not base64, so that bytes are missing then.
  return written === length ? bytes : undefined;
}

function parseShape(value: unknown): number[] {
  const good = Array.isArray(value) && value.every((extent) => Number.isSafeInteger(extent) && extent >= 0);
  if (!good) throw new TensorSyntaxError(`${quote(value)} is not a shape; send a list of whole numbers.`, ['shape']);
  if (value.length > MAX_RANK)
    throw new TensorSyntaxError(`A tensor has at most ${MAX_RANK} axes.`, ['shape'], 'wrong-shape');
  return value;
}

function parseDtype(value: unknown): Dtype {
  const dtype = DTYPES.find((name) => name === value);
  if (!dtype)
    throw new TensorSyntaxError(`${quote(value)} is not a dtype. Send one of ${DTYPES.join(', ')}.`, ['dtype']);
  return dtype;
}

function requireSize(shape: readonly number[], count: number, field: string): void {
  if (sizeOf(shape) === count) return;
  const message = `Shape ${formatShape(shape)} has ${counted(sizeOf(shape), 'element')}; '${field}' has ${count}.`;
  throw new TensorSyntaxError(message, [field], 'wrong-shape');
}

function refuseUnknown(value: Record<string, unknown>, known: readonly string[]): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new TensorSyntaxError(`Unknown field ${quote(unknown)} of a tensor; ${FORMS}.`, [unknown]);
  }
}
