import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromFloat64, rounder, Tensor, type TensorData } from '../../../src/domain/tensor.ts';
import { decodeElements } from '../../../src/domain/tensor-bytes.ts';
import { flatText, float32Text, float64Text, halfText, nestedText } from '../../../src/http/numbers/text.ts';
import { runs } from '../../support/runs.ts';

const view = new DataView(new ArrayBuffer(4));

function ofBits(bits: number): number {
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

function bitsOf(value: number): number {
  view.setFloat32(0, value);
  return view.getUint32(0);
}

/** A positive number as mantissa · 2^exponent, exactly. */
interface Binary {
  readonly mantissa: bigint;
  readonly exponent: number;
}

/** The float32 with these (positive, finite) bits, in steps of half a unit in the last place: 2·mantissa + `halves`. */
function halfSteps(bits: number, halves: -1 | 0 | 1): Binary {
  const fraction = BigInt(bits & 0x7fffff);
  const biased = bits >>> 23;
  const [mantissa, exponent] = biased === 0 ? [fraction, -149] : [fraction | 0x800000n, biased - 150];
  // Below a power of two the lower neighbour is only half as far.
  if (halves === -1 && mantissa === 0x800000n && biased > 1)
    return { mantissa: 4n * mantissa - 1n, exponent: exponent - 2 };
  return { mantissa: 2n * mantissa + BigInt(halves), exponent: exponent - 1 };
}

/** Sign of digits·10^power - binary, in exact integers. */
function compare(digits: bigint, power: number, { mantissa, exponent }: Binary): number {
  const left = digits * 10n ** BigInt(Math.max(power, 0)) * 2n ** BigInt(Math.max(-exponent, 0));
  const right = mantissa * 10n ** BigInt(Math.max(-power, 0)) * 2n ** BigInt(Math.max(exponent, 0));
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Whether the decimal reads back to the positive float32 of these bits, ties going to the even one. */
function readsBack(digits: bigint, power: number, bits: number): boolean {
  const above = compare(digits, power, halfSteps(bits, -1));
  const below = compare(digits, power, halfSteps(bits, 1));
  const even = (bits & 1) === 0;
  return even ? above >= 0 && below <= 0 : above > 0 && below < 0;
}

/** How few digits any decimal has that reads back: every digit count is tried, on both sides of the value. */
function fewestDigits(bits: number): number {
  const exact = halfSteps(bits, 0);
  for (let count = 1; ; count++) {
    // The least power for which digits·10^power of so many digits can reach the value.
    let power = -60;
    while (compare(10n ** BigInt(count), power, exact) <= 0) power++;
    for (const at of [power, power + 1]) {
      // The greatest digits not over the value, by bisection.
      let [low, high] = [0n, 10n ** BigInt(count)];
      while (high - low > 1n) {
        const middle = (low + high) / 2n;
        if (compare(middle, at, exact) <= 0) low = middle;
        else high = middle;
      }
      if ((low > 0n && readsBack(low, at, bits)) || readsBack(low + 1n, at, bits)) return count;
    }
  }
}

/** Digits and power of ten of a JSON number, as its text says. */
function readDecimal(text: string): { digits: bigint; power: number } {
  const match = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text);
  if (!match) throw new Error(`${text} is not a JSON number`);
  const [, whole, fraction = '', exponent = '0'] = match;
  return { digits: BigInt(whole + fraction), power: Number(exponent) - fraction.length };
}

function expectShortest(bits: number): void {
  const text = float32Text(ofBits(bits));
  const { digits, power } = readDecimal(text);
  expect(readsBack(digits, power, bits), `${text} does not read back to bits ${bits}`).toBe(true);
  expect(Math.fround(Number(text)), text).toBe(ofBits(bits));
  const count = digits.toString().replace(/0+$/, '').length;
  expect(count, `${text} of bits ${bits} is not the shortest`).toBe(fewestDigits(bits));
}

const finiteBits = fc.integer({ min: 1, max: 0x7f7fffff });

describe('the text of a float32', () => {
  it('reads back to the same float32, for all bit patterns', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (bits) => {
        const value = ofBits(bits);
        const text = float32Text(value);
        const read: unknown = JSON.parse(text);
        if (Number.isFinite(value))
          expect(Object.is(Math.fround(read as number), value), `${bits}: ${text}`).toBe(true);
        else expect(read).toBe(`${value}`);
      }),
      { numRuns: runs(20_000) },
    );
  });

  it('is the shortest that reads back, for any value', () => {
    fc.assert(fc.property(finiteBits, expectShortest), { numRuns: runs(1500) });
  });

  it('is the shortest that reads back, for subnormals', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 0x7fffff }), expectShortest), { numRuns: runs(500) });
    for (let bits = 1; bits < 200; bits++) expectShortest(bits);
  });

  it('is the shortest that reads back, for powers of two and their neighbours', () => {
    for (let exponent = -149; exponent <= 127; exponent++) {
      const bits = bitsOf(2 ** exponent);
      for (const near of [bits - 1, bits, bits + 1]) if (near > 0 && near <= 0x7f7fffff) expectShortest(near);
    }
  });

  it('is the shortest that reads back, for powers of ten, their multiples and neighbours', () => {
    for (let power = -45; power <= 38; power++) {
      for (const factor of [1, 2, 5, 9, 3.3]) {
        const bits = bitsOf(Math.fround(factor * Number(`1e${power}`)));
        for (const near of [bits - 1, bits, bits + 1]) if (near > 0 && near <= 0x7f7fffff) expectShortest(near);
      }
    }
  });

  it('is the shortest that reads back, for integers around 2^24 and beyond', () => {
    const integers = fc.integer({ min: 2 ** 23, max: 2 ** 31 - 1 }).map((value) => bitsOf(Math.fround(value)));
    fc.assert(fc.property(integers, expectShortest), { numRuns: runs(500) });
  });

  it.each([
    [0, '0'],
    [-0, '-0'],
    [1, '1'],
    [-1.5, '-1.5'],
    [Math.fround(0.9999877214431763), '0.9999877'],
    [Math.fround(0.1), '0.1'],
    [Math.fround(1 / 3), '0.33333334'],
    [2 ** -149, '1e-45'],
    // 7.038531e-26 is the former when it is read directly, and the latter by way of float64.
    [Math.fround(7.0385307e-26), '7.0385307e-26'],
    [Math.fround(7.0385313e-26), '7.0385313e-26'],
    [3.4028234663852886e38, '3.4028235e+38'],
    [Number.NaN, '"NaN"'],
    [Number.POSITIVE_INFINITY, '"Infinity"'],
    [Number.NEGATIVE_INFINITY, '"-Infinity"'],
  ])('of %d is %s', (value, text) => {
    expect(float32Text(value)).toBe(text);
  });
});

describe.each(['float16', 'bfloat16'] as const)('the text of a %s', (dtype) => {
  const text = halfText(dtype);
  const values = decodeElements(
    dtype,
    [2 ** 16],
    new Uint8Array(Uint16Array.from({ length: 2 ** 16 }, (_, i) => i).buffer),
  );
  const finite = [...(values.data as Float32Array)].filter(Number.isFinite);

  it('reads back to the same value, for all of them', () => {
    const round = rounder(dtype);
    const wrong = finite.filter((value) => !Object.is(round(Number(text(value))), value));
    expect(wrong).toEqual([]);
    expect(finite.length).toBe(dtype === 'float16' ? 63_488 : 65_280);
  });

  it('has no more digits than any decimal that reads back, but in whole numbers', () => {
    const round = rounder(dtype);
    const longer = finite.filter((value) => {
      if (value <= 0 || (Number.isInteger(value) && value < 2 ** 24)) return false;
      const count = significantDigits(text(value));
      if (count === 1) return false;
      const unit = 10 ** (Math.floor(Math.log10(value)) - count + 2);
      // All decimals of one digit less nearby; one of still fewer digits would be among them.
      const near = [-2, -1, 0, 1, 2].map((k) => Number(((Math.round(value / unit) + k) * unit).toPrecision(count - 1)));
      return near.some((decimal) => round(decimal) === value);
    });
    expect(longer).toEqual([]);
  });

  it('is the name of what is not finite', () => {
    expect([text(Number.NaN), text(Number.NEGATIVE_INFINITY), text(-0)]).toEqual(['"NaN"', '"-Infinity"', '-0']);
  });
});

it.each([
  ['float16', 0.1, '0.1'],
  ['float16', 1 / 3, '0.3333'],
  ['float16', 65504, '65504'],
  ['float16', 2 ** -24, '6e-8'],
  ['bfloat16', 0.1, '0.1'],
  ['bfloat16', 1 / 3, '0.334'],
  ['bfloat16', 1000, '1000'],
  ['bfloat16', 3.3895313892515355e38, '3.39e+38'],
] as const)('a %s of %d is written as short as it can be', (dtype, value, text) => {
  expect(nestedText(fromFloat64(dtype, [], [value]))).toBe(text);
});

function significantDigits(text: string): number {
  return text
    .replace(/e.*/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+|0+$/g, '').length;
}

describe('the text of a float64', () => {
  it('reads back to the same float64', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const read: unknown = JSON.parse(float64Text(value));
        expect(Number.isFinite(value) ? read : Number(read)).toBe(value);
      }),
      { numRuns: runs(2000) },
    );
    expect(float64Text(-0)).toBe('-0');
  });
});

describe('the text of a tensor', () => {
  const nested = (dtype: Tensor['dtype'], shape: number[], data: TensorData) =>
    nestedText(new Tensor(dtype, shape, data));

  it('nests as its shape says, empty axes included', () => {
    expect(nested('float32', [], Float32Array.of(0.5))).toBe('0.5');
    expect(nested('float32', [2, 2], Float32Array.of(1, -0, Number.NaN, 4))).toBe('[[1,-0],["NaN",4]]');
    expect(nested('float32', [0], new Float32Array(0))).toBe('[]');
    expect(nested('float32', [2, 0], new Float32Array(0))).toBe('[[],[]]');
    expect(nested('float32', [0, 2], new Float32Array(0))).toBe('[]');
    expect(nested('float32', [2, 1, 2], Float32Array.of(1, 2, 3, 4))).toBe('[[[1,2]],[[3,4]]]');
  });

  it('writes booleans as such, and integers past 2^53 as strings', () => {
    expect(nested('bool', [2], Uint8Array.of(1, 0))).toBe('[true,false]');
    expect(nested('int32', [1], Int32Array.of(-5))).toBe('[-5]');
    const wide = BigInt64Array.of(2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n), -(2n ** 63n));
    const text = '[9007199254740991,"9007199254740992","-9007199254740992","-9223372036854775808"]';
    expect(flatText(new Tensor('int64', [4], wide))).toBe(text);
  });

  it('has room for the longest numbers, however many there are', () => {
    const longest = -999_999_984_306_749_440_000;
    for (const size of [1, 1000, 100_000, 400_000]) {
      const text = flatText(new Tensor('float32', [size], new Float32Array(size).fill(longest)));
      expect(text.length).toBe(size * (text.indexOf(',') > 0 ? text.indexOf(',') : text.length - 1) + 1);
      expect(text.slice(0, 23)).toBe('[-999999950000000000000');
    }
  });

  it('has the same numbers alone and among others, in rows of any width', () => {
    const plain = fc.double({ min: -300, max: 300, noNaN: true }).map(Math.fround);
    const special = fc.constantFrom(0, -0, 0.5, 1, -1, 1e-5, 1.6e-5, 9.999999, 10, 2 ** 24, 2e9, Number.NaN);
    const value = fc.oneof({ weight: 5, arbitrary: plain }, special, fc.integer().map(ofBits));
    const rows = fc.integer({ min: 1, max: 9 }).chain((width) => {
      return fc.array(fc.array(value, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 9 });
    });
    fc.assert(
      fc.property(rows, (table) => {
        const expected = table.map((row) => `[${row.map(float32Text).join(',')}]`).join(',');
        const data = Float32Array.from(table.flat());
        expect(nested('float32', [table.length, table[0].length], data)).toBe(`[${expected}]`);
      }),
      { numRuns: runs(1000) },
    );
  });

  it('has the values of the tensor, at any shape', () => {
    const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(shapes, (shape) => {
        const size = shape.reduce((product, extent) => product * extent, 1);
        const data = Float32Array.from({ length: size }, (_, i) => i - 3);
        const read: unknown = JSON.parse(nested('float32', shape, data));
        const values = Array.isArray(read) ? read.flat(4) : [read];
        expect(values).toEqual([...data]);
        let probe = read;
        for (const extent of shape) {
          if (!Array.isArray(probe)) break;
          expect(probe).toHaveLength(extent);
          probe = probe[0];
        }
      }),
    );
  });
});
