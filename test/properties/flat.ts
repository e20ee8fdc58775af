import { type Dtype, rounder } from '../../src/domain/tensor.ts';

/** A tensor as requests write it and replies with `tensor_format: "flat"` show it; NaN and infinities by name. */
export interface Flat {
  readonly shape: readonly number[];
  readonly data: readonly (number | string | boolean)[];
}

/** The values rounded to a dtype. */
export function rounded(dtype: Dtype, { shape, data }: Flat): Flat {
  const round = rounder(dtype);
  return { shape, data: data.map((value) => element(round(Number(value)))) };
}

/** A number as a tensor has it. */
export function element(value: number): number | string {
  return Number.isFinite(value) ? value : `${value}`;
}

/** The slices with these indices along an axis, in their order: rows, steps or a chunk of them. */
export function pick({ shape, data }: Flat, axis: number, indices: readonly number[]): Flat {
  const inner = product(shape.slice(axis + 1));
  const outer = product(shape.slice(0, axis));
  const picked: (number | string | boolean)[] = [];
  for (let block = 0; block < outer; block++) {
    for (const index of indices) {
      const start = (block * shape[axis] + index) * inner;
      picked.push(...data.slice(start, start + inner));
    }
  }
  return { shape: shape.with(axis, indices.length), data: picked };
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

export function reversed(tensor: Flat, axis: number): Flat {
  return pick(tensor, axis, range(0, tensor.shape[axis]).reverse());
}

/** One slice along an axis, without that axis. */
export function at(tensor: Flat, axis: number, index: number): Flat {
  const { shape, data } = pick(tensor, axis, [index]);
  return { shape: shape.toSpliced(axis, 1), data };
}

/** [a, b, …] as [b, a, …]. */
export function swapped(tensor: Flat): Flat {
  const [, b] = tensor.shape;
  const columns = range(0, b).map((index) => at(tensor, 1, index));
  const [a, , ...rest] = tensor.shape;
  return { shape: [b, a, ...rest], data: columns.flatMap(({ data }) => data) };
}

/** Tensors one after another along an axis. */
export function joined(tensors: readonly Flat[], axis: number): Flat {
  const [{ shape }] = tensors;
  const data: (number | string | boolean)[] = [];
  for (let block = 0; block < product(shape.slice(0, axis)); block++) {
    for (const one of tensors) {
      const size = product(one.shape.slice(axis));
      data.push(...one.data.slice(block * size, (block + 1) * size));
    }
  }
  return {
    shape: shape.with(
      axis,
      tensors.reduce((sum, one) => sum + one.shape[axis], 0),
    ),
    data,
  };
}

function product(extents: readonly number[]): number {
  return extents.reduce((size, extent) => size * extent, 1);
}
