import type { Constraint, ConstraintParameters } from './constraint.ts';
import { maxNorm } from './max-norm.ts';
import { minMaxNorm } from './min-max-norm.ts';
import { nonNeg } from './non-neg.ts';
import { unitNorm } from './unit-norm.ts';

/** By Keras' class name; the abstract `Constraint` leaves values as they are. */
export const CONSTRAINTS: Readonly<Record<string, (params: ConstraintParameters) => Constraint>> = {
  Constraint: () => () => {},
  MaxNorm: maxNorm,
  MinMaxNorm: minMaxNorm,
  NonNeg: nonNeg,
  UnitNorm: unitNorm,
};
