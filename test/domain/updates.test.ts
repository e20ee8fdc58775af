import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/domain/problems.ts';
import { Tensor, zeros } from '../../src/domain/tensor.ts';
import { assign, assignAdd, assignSub, scatterUpdate } from '../../src/domain/updates.ts';

const floats = (...values: number[]) => new Tensor('float32', [values.length], Float32Array.from(values));

describe('an update of a variable', () => {
  it('makes a new value and leaves the former one', () => {
    const current = floats(1, 2);
    expect([...assignAdd(current, floats(3, 4)).data]).toEqual([4, 6]);
    expect([...assignSub(current, floats(3, 4)).data]).toEqual([-2, -2]);
    expect(assign(current, floats(3, 4))).toEqual(floats(3, 4));
    expect([...scatterUpdate(current, [[1]], floats(9), current.data.slice()).data]).toEqual([1, 9]);
    expect(current).toEqual(floats(1, 2));
  });

  it('rounds a sum of float32 once', () => {
    const values = fc.array(fc.tuple(fc.float(), fc.float()), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(values, (pairs) => {
        const [a, b] = [floats(...pairs.map(([left]) => left)), floats(...pairs.map(([, right]) => right))];
        expect([...assignAdd(a, b).data]).toEqual(pairs.map(([left, right]) => Math.fround(left + right)));
        expect([...assignSub(a, b).data]).toEqual(pairs.map(([left, right]) => Math.fround(left - right)));
      }),
    );
  });

  it('takes integers away again, however they wrapped around', () => {
    const wide = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(wide, wide, fc.integer(), fc.integer(), (a, b, c, d) => {
        const [x, y] = [a, b].map((value) => new Tensor('int64', [], BigInt64Array.of(value)));
        expect(assignSub(assignAdd(x, y), y)).toEqual(x);
        expect(assignAdd(x, y).data[0]).toBe(BigInt.asIntN(64, a + b));
        const [v, w] = [c, d].map((value) => new Tensor('int32', [], Int32Array.of(value)));
        expect(assignSub(assignAdd(v, w), w)).toEqual(v);
      }),
    );
  });

  it('is refused with another shape, quoting both', () => {
    for (const update of [assign, assignAdd, assignSub]) {
      expect(() => update(floats(1, 2), floats(1))).toThrow(/\[1\].*\[2\]/);
    }
    expect(() => scatterUpdate(floats(1, 2), [[0, 0]], floats(1), new Float32Array(2))).toThrow(/length 2/);
    expect(() => scatterUpdate(floats(1, 2), [[2]], floats(1), new Float32Array(2))).toThrow(
      /\[2\] is outside of shape \[2\]/,
    );
  });

  it('adds nothing to a bool', () => {
    const bool = zeros('bool', [1]);
    expect(() => assignAdd(bool, bool)).toThrow(Problem);
    expect(assign(bool, bool)).toBe(bool);
  });

  it('puts updates where a plain loop puts them', () => {
    const places = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 3 })), { maxLength: 9 });
    fc.assert(
      fc.property(places, (indices) => {
        const updates = floats(...indices.map((_, i) => i + 1));
        const expected = new Float32Array(12);
        indices.forEach(([row, column], i) => {
          expected[row * 4 + column] = i + 1;
        });
        if (indices.length === 0) return;
        expect(scatterUpdate(zeros('float32', [3, 4]), indices, updates, new Float32Array(12)).data).toEqual(expected);
      }),
    );
  });
});
