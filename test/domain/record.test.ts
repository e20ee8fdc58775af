import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRecord, decodeRecordSlices, encodeRecord } from '../../src/domain/record.ts';
import { BYTES_PER_ELEMENT, DTYPES, type Dtype, rounder, Tensor, toFloat64 } from '../../src/domain/tensor.ts';
import { decodeElements, encodeElements } from '../../src/domain/tensor-bytes.ts';

const dtypes = fc.constantFrom(...DTYPES);

/** Bytes of a tensor of the dtype; any pattern is a value, but that a bool is 0 or 1. */
const tensorBytes = fc
  .tuple(dtypes, fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }))
  .chain(([dtype, shape]) => {
    const length = shape.reduce((size, extent) => size * extent, 1) * BYTES_PER_ELEMENT[dtype];
    const byte = fc.integer({ min: 0, max: dtype === 'bool' ? 1 : 255 });
    return fc.record({
      dtype: fc.constant<Dtype>(dtype),
      shape: fc.constant(shape),
      bytes: fc.array(byte, { minLength: length, maxLength: length }).map((list) => Uint8Array.from(list)),
    });
  });

/** Narrow NaNs are widened and narrowed again on the way, which may make them quiet; all other bits stay. */
const isNarrowNan = ({ dtype, data }: Tensor) =>
  (dtype === 'float16' || dtype === 'bfloat16') && toFloat64({ dtype, shape: [], data } as Tensor).some(Number.isNaN);

describe('the bytes of a tensor', () => {
  it('come back unchanged, for any value', () => {
    fc.assert(
      fc.property(tensorBytes, ({ dtype, shape, bytes }) => {
        const tensor = decodeElements(dtype, shape, bytes);
        expect(tensor.shape).toEqual(shape);
        if (!isNarrowNan(tensor)) expect([...encodeElements(tensor)]).toEqual([...bytes]);
      }),
      { numRuns: 1000 },
    );
  });

  it('are copied, also from a Buffer, which shares its memory with others', () => {
    const pooled = Buffer.from('AQAAAAIAAAA=', 'base64');
    const tensor = decodeElements('int32', [2], pooled);
    expect([...tensor.data]).toEqual([1, 2]);
    pooled.fill(0xff);
    expect([...tensor.data]).toEqual([1, 2]);
  });

  it('may start anywhere in their buffer', () => {
    const bytes = Uint8Array.of(9, 0, 0, 128, 63, 9).subarray(1, 5);
    expect([...decodeElements('float32', [1], bytes).data]).toEqual([1]);
  });

  it('of float16 and bfloat16 values are two a value', () => {
    const half = new Tensor('float16', [2], Float32Array.of(1, -2));
    expect([...encodeElements(half)]).toEqual([0, 0x3c, 0, 0xc0]);
    const brain = new Tensor('bfloat16', [2], Float32Array.of(1, -2));
    expect([...encodeElements(brain)]).toEqual([0x80, 0x3f, 0, 0xc0]);
  });
});

/** What is read in slices, and how many there were. */
function sliced(bytes: Uint8Array) {
  const reading = decodeRecordSlices(bytes);
  let slices = 0;
  for (;;) {
    const { done, value } = reading.next();
    if (done) return { record: value, slices };
    slices++;
  }
}

describe('a stored record', () => {
  it('is the same where it is read in slices, in which elements are widened', () => {
    fc.assert(
      fc.property(fc.array(tensorBytes, { maxLength: 3 }), (list) => {
        const tensors = Object.fromEntries(
          list.map(({ dtype, shape, bytes }, k) => [`t${k}`, decodeElements(dtype, shape, bytes)]),
        );
        const bytes = encodeRecord({ fields: { id: 'a' }, tensors });
        expect(sliced(bytes).record).toEqual(decodeRecord(bytes));
      }),
    );
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const value = new Tensor(
        dtype,
        [3, 2 ** 20],
        Float32Array.from({ length: 3 * 2 ** 20 }, (_, k) => k % 251),
      );
      const bytes = encodeRecord({ fields: { id: 'a' }, tensors: { value } });
      const { record, slices } = sliced(bytes);
      expect(slices).toBeGreaterThanOrEqual(6);
      expect(record.tensors.value.shape).toEqual([3, 2 ** 20]);
      expect(Buffer.compare(Buffer.from(record.tensors.value.data.buffer), Buffer.from(value.data.buffer))).toBe(0);
    }
    expect(() => sliced(encodeRecord({ fields: {}, tensors: {} }).subarray(1))).toThrow('damaged');
  });

  it('has its tensors where they can be read without a copy, also behind a header of any length', () => {
    for (let length = 0; length < 9; length++) {
      const value = new Tensor('float64', [2], Float64Array.of(1, -2));
      const bytes = encodeRecord({ fields: { id: 'é'.repeat(length) }, tensors: { value } });
      const { data } = decodeRecord(bytes).tensors.value;
      expect([...data]).toEqual([1, -2]);
      expect(data.buffer).toBe(bytes.buffer);
    }
  });

  it('is read where nothing is aligned, as earlier versions wrote it', () => {
    const header = Buffer.from('{"fields":{},"tensors":[{"name":"value","dtype":"float64","shape":[2]}]} ');
    expect(header.length % 8).not.toBe(0);
    const head = Buffer.alloc(8);
    head.write('CSR1');
    head.writeUInt32LE(header.length, 4);
    const bytes = Buffer.concat([head, header, encodeElements(new Tensor('float64', [2], Float64Array.of(1, -2)))]);
    expect([...decodeRecord(bytes).tensors.value.data]).toEqual([1, -2]);
  });

  const records = fc.record({
    fields: fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }),
    tensors: fc.dictionary(
      fc.string().filter((name) => name !== '__proto__'),
      fc
        .array(fc.float({ noNaN: true }), { maxLength: 5 })
        .map((values) => new Tensor('float32', [values.length], Float32Array.from(values, rounder('float32')))),
      { noNullPrototype: true, maxKeys: 4 },
    ),
  });

  it('comes back as it was, in the order of its tensors', () => {
    fc.assert(
      fc.property(records, (record) => {
        const decoded = decodeRecord(encodeRecord(record));
        expect(decoded.tensors).toEqual(record.tensors);
        expect(JSON.stringify(decoded.fields)).toBe(JSON.stringify(record.fields));
      }),
      { numRuns: 300 },
    );
  });

  it('is never misread if it is truncated', () => {
    const tensor = new Tensor('float32', [3], Float32Array.of(1, 2, 3));
    const bytes = encodeRecord({ fields: { id: 'a' }, tensors: { value: tensor } });
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeRecord(bytes.subarray(0, length)), `${length} bytes`).toThrow();
    }
  });

  it('is never misread if its first bytes differ', () => {
    const bytes = encodeRecord({ fields: {}, tensors: {} });
    for (let i = 0; i < 4; i++) {
      const damaged = bytes.slice();
      damaged[i] ^= 1;
      expect(() => decodeRecord(damaged)).toThrow(/damaged/);
    }
  });
});
