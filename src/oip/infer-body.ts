import { type InferBody, inferBody } from '../../schemas/oip.ts';
import { isArray, quote } from '../domain/json.ts';
import { fieldProblem, Problem } from '../domain/problems.ts';
import { BYTES_PER_ELEMENT, type Dtype, formatShape, type Shape, sizeOf } from '../domain/tensor.ts';
import { decodeSlices } from '../domain/tensor-bytes.ts';
import { SentTensor, type TensorLiteral } from '../domain/tensor-literal.ts';
import { checkShape } from '../http/bodies/validation.ts';
import { dtypeOf } from './datatypes.ts';
import { plainInfer } from './plain-infer.ts';
import { jsonSlices } from './read-json.ts';

type SentInput = InferBody['inputs'][number];
/** Tensors by their names. */
export type NamedTensors = ReadonlyMap<string, TensorLiteral>;

/**
 * The body of a request to infer: JSON, and after its first `headerLength` bytes the tensors that have a
 * `binary_data_size`, in the order of the inputs. In slices.
 * @throws {Problem} invalid-json, invalid-request, wrong-shape, body-too-large
 */
export function* readInferBody(
  bytes: Buffer,
  maxJsonBytes: number,
  headerLength = bytes.length,
): Generator<void, { body: InferBody; inputs: NamedTensors }> {
  if (headerLength > bytes.length) {
    const detail = `Inference-Header-Content-Length is ${headerLength}, but the body has ${bytes.length} bytes.`;
    throw new Problem('bad-request', detail);
  }
  if (headerLength > maxJsonBytes) {
    const detail = `The JSON part has ${headerLength} bytes, over the limit of ${maxJsonBytes} (CELLSTEP_MAX_JSON_BYTES). Send tensors as binary data.`;
    throw new Problem('body-too-large', detail);
  }
  const sent = yield* jsonSlices(bytes.subarray(0, headerLength));
  const body = plainInfer(sent) ?? checkShape(inferBody, sent);
  yield;
  return { body, inputs: yield* readTensors(body.inputs, bytes.subarray(headerLength), headerLength) };
}

/** `most`: the JSON part cannot have more numbers than this. */
function* readTensors(sent: readonly SentInput[], binary: Buffer, most: number): Generator<void, NamedTensors> {
  const tensors = new Map<string, TensorLiteral>();
  let start = 0;
  for (const [i, input] of sent.entries()) {
    const pointer = `/inputs/${i}`;
    const { name, datatype, shape, data, parameters } = input;
    if (tensors.has(name)) throw fieldProblem('invalid-request', `${pointer}/name`, `Input '${name}' is there twice.`);
    const dtype = dtypeOf(datatype, name, `${pointer}/datatype`);
    const size = parameters?.binary_data_size;
    if (size === undefined) {
      tensors.set(name, yield* listedTensor(input, dtype, pointer, most));
      continue;
    }
    if (data !== undefined) {
      throw fieldProblem(
        'invalid-request',
        pointer,
        `Input '${name}' has data and binary_data_size. Send one of them.`,
      );
    }
    tensors.set(
      name,
      yield* rawTensor(
        name,
        dtype,
        shape,
        binary.subarray(start, start + size),
        `${pointer}/parameters/binary_data_size`,
      ),
    );
    start += size;
  }
  if (start === binary.length) return tensors;
  const detail = `The binary_data_size of all inputs is ${start} bytes, but ${binary.length} bytes follow the JSON part. Send as many.`;
  throw fieldProblem('invalid-request', '/inputs', detail);
}

/** A tensor of little-endian bytes. @throws {Problem} wrong-shape if the shape takes another number of bytes */
function* rawTensor(
  name: string,
  dtype: Dtype,
  shape: Shape,
  bytes: Uint8Array,
  pointer: string,
): Generator<void, TensorLiteral> {
  const wanted = sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
  if (bytes.length !== wanted) {
    const detail = `Input '${name}' has ${bytes.length} bytes of data; shape ${formatShape(shape)} of ${dtype} takes ${wanted}.`;
    throw fieldProblem('wrong-shape', pointer, detail);
  }
  return new SentTensor(yield* decodeSlices(dtype, shape, bytes));
}

/** Numbers of a list that are read in one slice. */
const SLICE = 2 ** 13;

/** `data` as a list, flat or nested. In slices. */
function* listedTensor(
  { name, shape, data }: SentInput,
  dtype: Dtype,
  at: string,
  most: number,
): Generator<void, TensorLiteral> {
  const pointer = `${at}/data`;
  if (!isArray(data)) {
    const detail = `Input '${name}' has ${data === undefined ? 'no data' : `data ${quote(data)}`}. Send a list of numbers, or binary_data_size and the bytes.`;
    throw fieldProblem('invalid-request', pointer, detail);
  }
  const size = sizeOf(shape);
  const wrong = (there: string) => {
    const detail = `Input '${name}' has ${there} in data; shape ${formatShape(shape)} takes ${size}.`;
    return fieldProblem('wrong-shape', pointer, detail);
  };
  if (size > most) throw wrong('fewer numbers');
  const values = new Float64Array(size);
  const long = new Map<number, bigint>();
  let count = 0;
  for (const value of leavesOf(data)) {
    if (count === size) throw wrong(`more than ${size} numbers`);
    values[count] = numberOf(value, name, pointer);
    if (typeof value === 'bigint' && dtype === 'int64') long.set(count, value);
    count++;
    if (count % SLICE === 0) yield;
  }
  if (count < size) throw wrong(`${count} numbers`);
  const literal = { shape, values, dtype, field: 'data' } as const;
  if (long.size === 0) return literal;
  const integers = new BigInt64Array(size);
  for (let k = 0; k < size; k++) {
    integers[k] = exactOf(long.get(k) ?? values[k], name, pointer);
    if (k % SLICE === SLICE - 1) yield;
  }
  return { ...literal, integers };
}

/** What a nested list has, in its order, without lists. */
function* leavesOf(list: readonly unknown[]): Generator<unknown> {
  const above: { readonly list: readonly unknown[]; readonly next: number }[] = [];
  for (let next = 0; ; ) {
    if (next < list.length) {
      const value = list[next++];
      if (!isArray(value)) yield value;
      else {
        above.push({ list, next });
        list = value;
        next = 0;
      }
    } else {
      const outer = above.pop();
      if (!outer) return;
      ({ list, next } = outer);
    }
  }
}

const NON_FINITE = new Set<unknown>(['NaN', 'Infinity', '-Infinity']);

function numberOf(value: unknown, name: string, pointer: string): number {
  if (Number.isFinite(value)) return value as number;
  if (typeof value === 'number') {
    const detail = `Input '${name}' has a number in data that is beyond the range of float64. Send ${value} if you mean that.`;
    throw fieldProblem('value-out-of-range', pointer, detail);
  }
  if (typeof value === 'boolean' || typeof value === 'bigint' || NON_FINITE.has(value)) return Number(value);
  const detail = `Input '${name}' has ${quote(value)} in data. Send numbers; NaN, Infinity and -Infinity where they are not finite.`;
  throw fieldProblem('invalid-request', pointer, detail);
}

/** @throws {Problem} value-out-of-range where an int64 cannot hold it */
function exactOf(value: number | bigint, name: string, pointer: string): bigint {
  const exact = typeof value === 'bigint' || Number.isInteger(value) ? BigInt(value) : undefined;
  if (exact !== undefined && BigInt.asIntN(64, exact) === exact) return exact;
  const detail = `Input '${name}' has ${quote(value)} in data, which is not an int64. Send whole numbers from -2^63 to 2^63-1.`;
  throw fieldProblem('value-out-of-range', pointer, detail);
}
