import fc from 'fast-check';
import { type Dtype, rounder, type Shape, sizeOf, Tensor, type TensorData } from '../../src/domain/tensor.ts';

const shapes: fc.Arbitrary<Shape> = fc.array(fc.nat({ max: 4 }), { maxLength: 3 });

/** Every bit pattern of float32, so that NaN payloads, -0, denormals and infinities all occur. */
function float32(size: number): fc.Arbitrary<TensorData> {
  const patterns = fc.oneof(
    fc.integer({ min: 0, max: 0xffffffff }),
    fc.constantFrom(0x80000000, 0x7f800001, 0xffc12345, 0x7f800000, 0xff800000, 1, 0x007fffff),
  );
  return fc
    .array(patterns, { minLength: size, maxLength: size })
    .map((bits) => new Float32Array(Uint32Array.from(bits).buffer));
}

function float64(size: number): fc.Arbitrary<TensorData> {
  const patterns = fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.constantFrom(1n << 63n, 0x7ff0000000000001n),
  );
  return fc
    .array(patterns, { minLength: size, maxLength: size })
    .map((bits) => new Float64Array(BigUint64Array.from(bits).buffer));
}

/** Values that the 16 bits hold. A NaN has its payload in the bits that are kept. */
function rounded(dtype: 'float16' | 'bfloat16', size: number): fc.Arbitrary<TensorData> {
  const round = rounder(dtype);
  const nans = new Float32Array(Uint32Array.of(0x7fc00000, 0xffc00000, 0x7fa00000, 0xffe10000).buffer);
  return fc
    .array(
      fc.oneof(
        fc.float(),
        fc.nat({ max: 3 }).map((i) => `nan ${i}`),
      ),
      { minLength: size, maxLength: size },
    )
    .map((values) => {
      const data = new Float32Array(size);
      const bits = new Uint32Array(data.buffer);
      const nanBits = new Uint32Array(nans.buffer);
      values.forEach((value, i) => {
        if (typeof value === 'number' && !Number.isNaN(value)) data[i] = round(value);
        else bits[i] = nanBits[Number(`${value}`.at(-1)) || 0];
      });
      return data;
    });
}

function elements(dtype: Dtype, size: number): fc.Arbitrary<TensorData> {
  const length = { minLength: size, maxLength: size };
  switch (dtype) {
    case 'float32':
      return float32(size);
    case 'float64':
      return float64(size);
    case 'float16':
    case 'bfloat16':
      return rounded(dtype, size);
    case 'int32':
      return fc.array(fc.integer(), length).map((values) => Int32Array.from(values));
    case 'int64':
      return fc
        .array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), length)
        .map((values) => BigInt64Array.from(values));
    case 'bool':
      return fc.array(fc.boolean(), length).map((values) => Uint8Array.from(values, Number));
  }
}

export function tensorOf(dtypes: readonly Dtype[], shape: fc.Arbitrary<Shape> = shapes): fc.Arbitrary<Tensor> {
  return fc
    .tuple(fc.constantFrom(...dtypes), shape)
    .chain(([dtype, extents]) => elements(dtype, sizeOf(extents)).map((data) => new Tensor(dtype, extents, data)));
}

export function tensorsOf(dtypes: readonly Dtype[], names: fc.Arbitrary<string>): fc.Arbitrary<Map<string, Tensor>> {
  return fc
    .uniqueArray(fc.tuple(names, tensorOf(dtypes)), { selector: ([name]) => name, maxLength: 5 })
    .map((entries) => new Map(entries));
}

/** For comparing bit for bit: `toEqual` on floats takes every NaN for the same. */
export function bitsOf(tensors: ReadonlyMap<string, Tensor>): unknown[] {
  return [...tensors].map(([name, { dtype, shape, data }]) => [
    name,
    dtype,
    [...shape],
    data.constructor.name,
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'),
  ]);
}
