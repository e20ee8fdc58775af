import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/domain/json.ts';
import { sizeOf, Tensor } from '../../src/domain/tensor.ts';
import { FOLDS } from '../../src/files/onnx/fold.ts';

/** 0, 1, 2 … from `first` on. */
const counting = (shape: readonly number[], first = 0) =>
  new Tensor(
    'float32',
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, k) => first + k),
  );
const ints = (...values: number[]) => new Tensor('int64', [values.length], BigInt64Array.from(values, BigInt));

function fold(opType: string, inputs: readonly (Tensor | undefined)[], attributes: Record<string, Json> = {}) {
  const made = FOLDS[opType]({ inputs, attributes: new Map(Object.entries(attributes)), take: () => undefined });
  return made && { shape: made.shape, data: Array.from(made.data, Number) };
}

/** Results of NumPy 2 for the same calls. */
describe('an operator of ONNX that only moves elements', () => {
  it.each<[string, ReturnType<typeof fold>, number[], number[]]>([
    ['Transpose', fold('Transpose', [counting([2, 3])]), [3, 2], [0, 3, 1, 4, 2, 5]],
    [
      'Transpose with perm',
      fold('Transpose', [counting([2, 2, 3])], { perm: [1, 2, 0] }),
      [2, 3, 2],
      [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11],
    ],
    ['Concat', fold('Concat', [counting([1, 2]), counting([2, 2], 5)], { axis: 0 }), [3, 2], [0, 1, 5, 6, 7, 8]],
    [
      'Concat along the last axis',
      fold('Concat', [counting([2, 1]), counting([2, 2], 5)], { axis: -1 }),
      [2, 3],
      [0, 5, 6, 1, 7, 8],
    ],
    ['Slice', fold('Slice', [counting([3, 4]), ints(1), ints(3), ints(1)]), [3, 2], [1, 2, 5, 6, 9, 10]],
    ['Slice beyond the end', fold('Slice', [counting([3, 2]), ints(1), ints(99)]), [2, 2], [2, 3, 4, 5]],
    [
      'Slice backwards',
      fold('Slice', [counting([2, 3]), ints(-1), ints(-99), ints(-1), ints(-2)]),
      [2, 2],
      [2, 0, 5, 3],
    ],
    ['Unsqueeze', fold('Unsqueeze', [counting([2]), ints(-1, 0)]), [1, 2, 1], [0, 1]],
    ['Squeeze', fold('Squeeze', [counting([1, 2, 1]), ints(-1)]), [1, 2], [0, 1]],
  ])('%s gives what NumPy gives', (_, made, shape, data) => {
    expect(made).toEqual({ shape, data });
  });

  it.each([
    ['Transpose with an axis twice', fold('Transpose', [counting([2, 3])], { perm: [0, 0] })],
    ['Concat of other extents', fold('Concat', [counting([2, 1]), counting([3, 2])], { axis: 1 })],
    ['Slice by no step', fold('Slice', [counting([3]), ints(0), ints(1), ints(0), ints(0)])],
    ['Squeeze of more than one', fold('Squeeze', [counting([2]), ints(0)])],
    ['Unsqueeze beyond its axes', fold('Unsqueeze', [counting([2]), ints(5)])],
  ])('is not folded: %s', (_, made) => {
    expect(made).toBeUndefined();
  });
});
