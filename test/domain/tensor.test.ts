import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/domain/problems.ts';
import {
  cast,
  formatShape,
  fromFloat64,
  rounder,
  roundToBfloat16,
  sameShape,
  sizeOf,
  Tensor,
  toFloat64,
  zeros,
} from '../../src/domain/tensor.ts';

const view = new DataView(new ArrayBuffer(8));

/** Nearest bfloat16 of a float32, ties to even, by the bits: what hardware does. */
function bfloat16OfBits(bits: number): number {
  const rounded = bits + 0x7fff + ((bits >>> 16) & 1);
  view.setUint32(0, (rounded >>> 16) << 16);
  return view.getFloat32(0);
}

function ofBits(bits: number): number {
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

describe('rounding to bfloat16', () => {
  it('agrees with float32 bit arithmetic for every finite float32', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (bits) => {
        const value = ofBits(bits);
        if (!Number.isFinite(value)) return;
        const rounded = roundToBfloat16(value);
        expect(Object.is(rounded, bfloat16OfBits(bits)), `${value} (bits ${bits}) gave ${rounded}`).toBe(true);
      }),
      { numRuns: 20_000 },
    );
  });

  it('agrees with it next to every power of two, and at an overflow', () => {
    for (let exponent = 0; exponent <= 0xfe; exponent++) {
      for (const low of [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x18000, 0x7f7fff, 0x7f8000, 0x7f8001, 0x7fffff]) {
        const bits = ((exponent << 23) | low) >>> 0;
        expect(Object.is(roundToBfloat16(ofBits(bits)), bfloat16OfBits(bits)), `${bits}`).toBe(true);
      }
    }
  });

  it('rounds a float64 once: one that lies just off a tie does not go to even', () => {
    // Between 1 and 1 + 2^-7 lies the tie 1 + 2^-8. A float32 in between would make a tie of its neighbours.
    expect(roundToBfloat16(1 + 2 ** -8)).toBe(1);
    expect(roundToBfloat16(1 + 2 ** -8 + 2 ** -40)).toBe(1 + 2 ** -7);
    expect(roundToBfloat16(1 + 3 * 2 ** -8)).toBe(1 + 2 ** -6);
    expect(roundToBfloat16(1 + 3 * 2 ** -8 - 2 ** -40)).toBe(1 + 2 ** -7);
    expect(roundToBfloat16(-1 - 2 ** -8 - 2 ** -40)).toBe(-1 - 2 ** -7);
  });

  it('is exact on what is a bfloat16, and keeps zeros, infinities and NaN', () => {
    for (const value of [0, -0, 1, -2.5, 2 ** -133, -(2 ** -126), Number.POSITIVE_INFINITY, Number.NaN]) {
      expect(Object.is(roundToBfloat16(value), value), `${value}`).toBe(true);
    }
    expect(Object.is(roundToBfloat16(-(2 ** -140)), -0)).toBe(true);
    expect(roundToBfloat16(1e39)).toBe(Number.POSITIVE_INFINITY);
    expect(roundToBfloat16(-1e300)).toBe(Number.NEGATIVE_INFINITY);
  });

  it('leaves what it rounded as it is', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const once = roundToBfloat16(value);
        expect(Object.is(roundToBfloat16(once), once)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a tensor', () => {
  it('has as many elements as its shape says', () => {
    expect(() => new Tensor('float32', [2, 2], new Float32Array(3))).toThrow(/\[2,2\].*3 elements/);
    expect(sizeOf([])).toBe(1);
    expect(sizeOf([3, 0, 5])).toBe(0);
    expect(zeros('int64', [2])).toEqual(new Tensor('int64', [2], new BigInt64Array(2)));
    expect(formatShape([null, 3])).toBe('[null,3]');
    expect(sameShape([1, 2], [1, 2])).toBe(true);
    expect(sameShape([1], [1, 1])).toBe(false);
  });

  it('is cast by rounding once, truncating toward zero, or asking whether it is zero', () => {
    const values = new Tensor('float64', [4], Float64Array.of(1.1, -1.9, 0, -0));
    expect([...cast(values, 'float32').data]).toEqual([Math.fround(1.1), Math.fround(-1.9), 0, -0]);
    expect([...cast(values, 'int32').data]).toEqual([1, -1, 0, 0]);
    expect([...cast(values, 'int64').data]).toEqual([1n, -1n, 0n, 0n]);
    expect([...cast(values, 'bool').data]).toEqual([1, 1, 0, 0]);
    expect([...cast(values, 'float16').data]).toEqual([Math.f16round(1.1), Math.f16round(-1.9), 0, -0]);
    expect(cast(values, 'float64')).toBe(values);
  });

  it.each([
    ['int32', 2 ** 31],
    ['int32', Number.NaN],
    ['int64', 2 ** 63],
    ['int64', Number.NEGATIVE_INFINITY],
  ] as const)('is not cast to %s where it has %d', (dtype, value) => {
    const cases = () => cast(new Tensor('float64', [1], Float64Array.of(value)), dtype);
    expect(cases).toThrow(Problem);
    expect(cases).toThrow(new RegExp(`${value} does not fit ${dtype}`));
  });

  it('keeps every integer of an int32 on the way through float64', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (values) => {
        const tensor = new Tensor('int32', [values.length], Int32Array.from(values));
        expect(fromFloat64('int32', tensor.shape, toFloat64(tensor))).toEqual(tensor);
      }),
    );
  });

  it('rounds floats as its dtype says', () => {
    expect(rounder('float32')(0.1)).toBe(Math.fround(0.1));
    expect(rounder('float16')(0.1)).toBe(Math.f16round(0.1));
    expect(rounder('bfloat16')(0.1)).toBe(0.10009765625);
    expect(rounder('float64')(0.1)).toBe(0.1);
  });
});
