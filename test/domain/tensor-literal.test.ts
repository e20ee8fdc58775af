import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/domain/problems.ts';
import type { Dtype } from '../../src/domain/tensor.ts';
import { literalToTensor, requireShape, type TensorLiteral } from '../../src/domain/tensor-literal.ts';

const literal = (...values: number[]): TensorLiteral => ({ shape: [values.length], values: Float64Array.from(values) });

function problemOf(work: () => unknown): Problem {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('a literal as a tensor', () => {
  it('is rounded once to its dtype', () => {
    expect([...literalToTensor(literal(0.1, -0), 'float32', '').data]).toEqual([Math.fround(0.1), -0]);
    expect([...literalToTensor(literal(2 ** 53 + 2), 'float64', '').data]).toEqual([2 ** 53 + 2]);
    expect([...literalToTensor(literal(Number.NaN, Number.NEGATIVE_INFINITY), 'float16', '').data]).toEqual([
      Number.NaN,
      Number.NEGATIVE_INFINITY,
    ]);
  });

  it('keeps integers that float64 would round', () => {
    const exact = { ...literal(2 ** 53), integers: BigInt64Array.of(2n ** 53n + 1n) };
    expect([...literalToTensor(exact, 'int64', '').data]).toEqual([2n ** 53n + 1n]);
  });

  // The last value that still rounds to a finite one, and the first that does not.
  it.each([
    ['float32', (2 - 2 ** -24) * 2 ** 127],
    ['float16', (2 - 2 ** -11) * 2 ** 15],
    ['bfloat16', (2 - 2 ** -8) * 2 ** 127],
  ] as const)('of %s is refused just where it would become infinite', (dtype, first) => {
    const last = first * (1 - 2 ** -53);
    expect(last).toBeLessThan(first);
    for (const sign of [1, -1]) {
      const [kept] = literalToTensor(literal(sign * last), dtype, '').data;
      expect(Number.isFinite(Number(kept))).toBe(true);
      const { code, message } = problemOf(() => literalToTensor(literal(sign * first), dtype, '/inputs'));
      expect(code).toBe('value-out-of-range');
      expect(message).toContain(sign > 0 ? 'send "Infinity"' : 'send "-Infinity"');
    }
  });

  it.each([
    ['int32', 1.5],
    ['int32', 2 ** 31],
    ['int32', -(2 ** 31) - 1],
    ['int64', Number.NaN],
    ['int64', 2 ** 63],
    ['bool', 2],
  ] as const)('of %s is refused with %d', (dtype: Dtype, value) => {
    expect(problemOf(() => literalToTensor(literal(0, value), dtype, '/value')).errors[0].pointer).toBe('/value/1');
  });

  it('is refused at the place of the value, on every axis', () => {
    const tensor = { shape: [2, 1, 3], values: Float64Array.of(0, 0, 0, 0, 1e39, 0) };
    const { errors } = problemOf(() => literalToTensor(tensor, 'float32', '/inputs'));
    expect(errors).toEqual([{ pointer: '/inputs/1/0/1', detail: expect.stringContaining('1e+39') }]);
  });
});

describe('a required shape', () => {
  it('may leave extents open', () => {
    requireShape([7, 3], [null, 3], '/inputs', () => '');
    for (const shape of [[7, 4], [3], [1, 7, 3]]) {
      const problem = problemOf(() => requireShape(shape, [null, 3], '/inputs', () => 'send [batch, 3]'));
      expect(problem.message).toBe(`'inputs' has shape [${shape}]; send [batch, 3].`);
    }
  });
});
