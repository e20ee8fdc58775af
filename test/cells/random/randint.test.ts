import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randint } from '../../../src/cells/random/randint.ts';
import { readGolden } from '../golden-data.ts';

interface Case {
  readonly low: string;
  readonly high: string;
  readonly size: number[];
  readonly seed: number;
  readonly values: string[];
}

describe('randint', () => {
  it.each(readGolden<{ cases: Case[] }>('numpy_randint.json').cases)(
    'draws [$low, $high) as NumPy, seed $seed',
    (one) => {
      const tensor = randint(BigInt(one.low), BigInt(one.high), one.size, one.seed);
      expect(tensor.dtype).toBe('int64');
      expect(tensor.shape).toEqual(one.size);
      expect([...tensor.data].map(String)).toEqual(one.values);
    },
  );

  it('stays within the half-open range', () => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.bigInt(1n, 2n ** 64n), fc.nat(), (low, width, seed) => {
        const high = low + width > 2n ** 63n ? 2n ** 63n : low + width;
        const { data } = randint(low, high, [5], seed);
        for (const value of data as BigInt64Array) expect(value >= low && value < high).toBe(true);
      }),
    );
  });

  it('refuses an empty range, a range beyond int64, a fraction and a bad seed', () => {
    expect(() => randint(3, 3, [1], 0)).toThrow("'low' is 3 and 'high' is 3");
    expect(() => randint(0, 2n ** 63n + 1n, [1], 0)).toThrow('is not within int64');
    expect(() => randint(0.5, 3, [1], 0)).toThrow("'low' is 0.5");
    expect(() => randint(0, 3, [1], -1)).toThrow("'seed' is -1");
    expect(() => randint(0, 3, [1], 2 ** 32)).toThrow("'seed' is 4294967296");
  });
});
