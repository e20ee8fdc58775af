import { type Constraint, type ConstraintParameters, EPSILON, scaleByNorm } from './constraint.ts';

/** w/(ε + n), n the norm along the axis. Keras UnitNorm. */
export function unitNorm({ axis }: ConstraintParameters): Constraint {
  return scaleByNorm(axis as number | readonly number[], (n) => 1 / (EPSILON + n));
}
