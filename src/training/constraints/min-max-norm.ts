import { type Constraint, type ConstraintParameters, EPSILON, scaleByNorm } from './constraint.ts';

/** w·(rate·clip(n, min, max) + (1 - rate)·n)/(ε + n), n the norm along the axis. Keras MinMaxNorm. */
export function minMaxNorm(params: ConstraintParameters): Constraint {
  const [least, most, rate] = [params.min_value, params.max_value, params.rate].map(Number);
  const desired = (n: number) => rate * Math.min(Math.max(n, least), most) + (1 - rate) * n;
  return scaleByNorm(params.axis as number | readonly number[], (n) => desired(n) / (EPSILON + n));
}
