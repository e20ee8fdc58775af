import { isArray } from '../../domain/json.ts';
import { sameShape, sizeOf, Tensor } from '../../domain/tensor.ts';
import { emptyLike, type Fold } from './fold.ts';

/** Elements that a broadcast may make, and those that are computed with: shapes are short, and no weight is made so. */
const MAX_EXPANDED = 2 ** 20;
const MAX_EXTENTS = 2 ** 10;

/** Operators with which exporters compute the places to cut weights. */
export const SHAPE_FOLDS: Readonly<Record<string, Fold>> = {
  /** Without `value`, which is a tensor of the file. */
  Constant: ({ attributes }) => {
    const ints = attributes.get('value_ints') ?? attributes.get('value_int');
    if (typeof ints === 'number') return integers([], [ints]);
    return isArray(ints) ? integers([ints.length], ints.map(Number)) : undefined;
  },
  Shape: ({ inputs: [data], attributes }) => {
    const start = Number(attributes.get('start') ?? 0);
    const extents = data?.shape.slice(start, Number(attributes.get('end') ?? data.shape.length));
    return extents && integers([extents.length], extents);
  },
  Mul: ({ inputs: [a, b] }) => {
    if (a?.dtype !== 'int64' || b?.dtype !== 'int64') return undefined;
    const [many, one] = a.data.length >= b.data.length ? [a, b] : [b, a];
    if (many.data.length > MAX_EXTENTS) return undefined;
    if (one.data.length !== 1 && !sameShape(one.shape, many.shape)) return undefined;
    const [values, factors] = [numbersOf(many), numbersOf(one)];
    return integers(
      many.shape,
      values.map((value, i) => value * factors[i % factors.length]),
    );
  },
  /** Of one element. */
  Expand: ({ inputs: [data, shape], take }) => {
    if (!data || !shape || data.data.length !== 1 || shape.data.length > MAX_EXTENTS) return undefined;
    const extents = numbersOf(shape);
    if (!(sizeOf(extents) <= MAX_EXPANDED)) return undefined;
    const expanded = emptyLike(data.data, sizeOf(extents), take);
    for (let i = 0; i < expanded.length; i++) expanded[i] = data.data[0];
    return new Tensor(data.dtype, extents, expanded);
  },
};

function numbersOf({ data }: Tensor): number[] {
  return Array.from(data, Number);
}

/** Undefined if one of them is not an integer that both int64 and a number can hold. */
function integers(shape: readonly number[], values: readonly number[]): Tensor | undefined {
  return values.every(Number.isSafeInteger)
    ? new Tensor('int64', shape, BigInt64Array.from(values, BigInt))
    : undefined;
}
