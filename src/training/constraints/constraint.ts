import type { NamedSpec } from '../../domain/learning.ts';
import { Problem } from '../../domain/problems.ts';
import { type FloatArray, formatShape, type Shape } from '../../domain/tensor.ts';

/** Changes a variable's values in place so that they meet the constraint. */
export type Constraint = (values: FloatArray, shape: Shape) => void;

export type ConstraintParameters = NamedSpec['params'];

/** keras.backend.epsilon(). */
export const EPSILON = 1e-7;

/**
 * Multiplies the values by a factor of the norm of those that share all coordinates but those along `axis`: an axis or
 * several, negative ones counted from the last.
 * @throws {Problem} invalid-config for an axis that the variable does not have.
 */
export function scaleByNorm(axis: number | readonly number[], factor: (norm: number) => number): Constraint {
  return (values, shape) => {
    const groupOf = groups(shape, [axis].flat());
    const squares = new Float64Array(values.length);
    for (let i = 0; i < values.length; i++) squares[groupOf(i)] += values[i] * values[i];
    for (let i = 0; i < values.length; i++) values[i] *= factor(Math.sqrt(squares[groupOf(i)]));
  };
}

/** For a flat index the flat index of the element that has 0 along the axes. */
function groups(shape: Shape, axes: readonly number[]): (index: number) => number {
  const rank = shape.length;
  const strides = shape.map((_, k) => shape.slice(k + 1).reduce((product, extent) => product * extent, 1));
  const along = axes.map((axis) => {
    const k = axis < 0 ? axis + rank : axis;
    if (k >= 0 && k < rank) return { stride: strides[k], extent: shape[k] };
    const detail = `A constraint has axis ${axis}; its variable has shape ${formatShape(shape)}.`;
    throw new Problem('invalid-config', detail);
  });
  return (index) =>
    along.reduce((at, { stride, extent }) => at - (Math.floor(index / stride) % extent) * stride, index);
}
