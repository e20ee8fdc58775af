import { type Constraint, type ConstraintParameters, EPSILON, scaleByNorm } from './constraint.ts';

/** w·clip(n, 0, max)/(ε + n), n the norm along the axis. Keras MaxNorm (keras/src/constraints/constraints.py). */
export function maxNorm({ max_value, axis }: ConstraintParameters): Constraint {
  const most = Number(max_value);
  return scaleByNorm(axis as number | readonly number[], (n) => Math.min(Math.max(n, 0), most) / (EPSILON + n));
}
