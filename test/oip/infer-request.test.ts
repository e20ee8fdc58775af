import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type InferCall, readInferRequest } from '../../src/oip/grpc/infer-request.ts';
import { encoded } from '../support/grpc.ts';
import { runs } from '../support/runs.ts';

const MAX_BYTES = 2 ** 24;

/** The request and the pieces of work that it took. */
function read(message: Buffer): { readonly call: InferCall; readonly slices: number } {
  const reading = readInferRequest(message, MAX_BYTES);
  for (let slices = 1; ; slices++) {
    const { done, value } = reading.next();
    if (done) return { call: value, slices };
  }
}

const header = ({ body, headerLength }: InferCall) => JSON.parse(body.toString('utf8', 0, headerLength));
const binary = ({ body, headerLength }: InferCall) => body.subarray(headerLength);

function withContents(datatype: string, contents: object): Buffer {
  return encoded('ModelInferRequest', { model_name: 'm', inputs: [{ name: 'i', datatype, shape: [1], contents }] });
}

/** The field of a list with one number that is not packed, for a varint below 128. */
function unpacked(values: readonly number[]): Buffer {
  const contents = Buffer.from(values.flatMap((value) => [1 << 3, value]));
  const input = Buffer.concat([
    Buffer.from([(1 << 3) | 2, 1, 0x69, (2 << 3) | 2, 4]),
    Buffer.from('BOOL'),
    lengthDelimited(5, contents),
  ]);
  return lengthDelimited(5, input);
}

function lengthDelimited(field: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = bytes.length; rest > 0 || length.length === 0; rest >>>= 7)
    length.push((rest & 127) | (rest > 127 ? 128 : 0));
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...length]), bytes]);
}

describe('a ModelInferRequest', () => {
  it('has typed contents as raw ones, to the bit', () => {
    const lists = fc.oneof(
      fc.array(fc.boolean()).map((list) => ['BOOL', 'bool_contents', list, Uint8Array.from(list, Number)] as const),
      fc.array(fc.integer()).map((list) => ['INT32', 'int_contents', list, Int32Array.from(list)] as const),
      fc
        .array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
        .map((list) => ['INT64', 'int64_contents', list.map(String), BigInt64Array.from(list)] as const),
      fc.array(fc.float()).map((list) => ['FP32', 'fp32_contents', list, Float32Array.from(list)] as const),
      fc.array(fc.double()).map((list) => ['FP64', 'fp64_contents', list, Float64Array.from(list)] as const),
    );
    fc.assert(
      fc.property(lists, ([datatype, field, list, { buffer }]) => {
        const { call } = read(withContents(datatype, { [field]: list }));
        expect(binary(call).equals(Buffer.from(buffer))).toBe(true);
        expect(header(call).inputs[0].parameters.binary_data_size).toBe(buffer.byteLength);
      }),
      { numRuns: runs(400) },
    );
  });

  it('has contents in several parts one after the other', () => {
    const values = Array.from({ length: 10_000 }, (_, k) => (k % 3 === 0 ? 1 : 0));
    expect(binary(read(unpacked(values)).call).equals(Buffer.from(values))).toBe(true);
  });

  it('is read in slices: a million elements, a body of 16 MB, 19,000 extents, 19,000 elements in parts', () => {
    expect(read(withContents('BOOL', { bool_contents: Array(2 ** 20).fill(true) })).slices).toBeGreaterThan(500);
    const raw = { model_name: 'm', inputs: [{ name: 'i' }], raw_input_contents: [Buffer.alloc(16e6)] };
    expect(read(encoded('ModelInferRequest', raw)).slices).toBeGreaterThan(14);
    const wide = { model_name: 'm', inputs: [{ name: 'i', shape: Array(19_000).fill(1) }] };
    expect(read(encoded('ModelInferRequest', wide)).slices).toBeGreaterThan(70);
    expect(read(unpacked(Array(19_000).fill(1))).slices).toBeGreaterThan(15);
  });

  it('keeps whole numbers past 2^53, and those that are not safe, as they are', () => {
    const numbers = ['9007199254740991', '9007199254740993', '-9223372036854775808', '0'];
    const parameters = Object.fromEntries(numbers.map((text) => [`n${text}`, { int64_param: text }]));
    const { body, headerLength } = read(encoded('ModelInferRequest', { model_name: 'm', parameters })).call;
    const text = body.toString('utf8', 0, headerLength);
    for (const number of numbers) expect(text).toContain(`"n${number}":${number}`);
  });
});
