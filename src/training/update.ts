import type { NamedSpec, OptimizerSpec } from '../domain/learning.ts';
import { type Dtype, type FloatArray, rounder, type Shape } from '../domain/tensor.ts';
import { clipGradients, type VariableGradient } from './clipping.ts';
import { CONSTRAINTS } from './constraints/constraints.ts';
import type { Rule } from './optimizers/rule.ts';
import { RULES } from './optimizers/rules.ts';
import { REGULARIZERS } from './regularizers/regularizers.ts';
import { SCHEDULES } from './schedules/schedules.ts';

/** Elements that are updated in one go: well under a millisecond. */
const SLICE = 2 ** 15;

/** A variable while it is trained; its arrays are changed in place. */
export interface TrainedVariable {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: Dtype;
  readonly values: FloatArray;
  /** The slots of the optimizer's rule, in its order. */
  readonly slots: readonly FloatArray[];
  readonly regularizer?: NamedSpec;
  readonly constraint?: NamedSpec;
}

export function ruleOf({ className, params }: OptimizerSpec): Rule {
  return RULES[className](params);
}

/** The learning rate of an iteration, which counts from 0, in the variable's dtype. */
export function learningRateAt({ learningRate }: OptimizerSpec, iteration: number): number {
  if (typeof learningRate === 'number') return learningRate;
  return SCHEDULES[learningRate.className](learningRate.params)(iteration);
}

/** The sum of the variables' regularizers. Their derivatives are added to the gradients. */
export function regularize(variables: readonly TrainedVariable[], gradients: readonly FloatArray[]): number {
  return variables.reduce((sum, { regularizer, values, shape }, k) => {
    if (!regularizer) return sum;
    return sum + REGULARIZERS[regularizer.className](regularizer.params)(values, shape, gradients[k]);
  }, 0);
}

/**
 * One update of all trainable variables, which also changes their gradients: clipping, weight decay w ← w - w·decay·lr, the
 * optimizer's rule, constraints. `iteration` counts the updates before. Yields after each slice, so that other work can run.
 * Keras BaseOptimizer.apply (keras/src/optimizers/base_optimizer.py).
 */
export function* updateVariables(
  spec: OptimizerSpec,
  iteration: number,
  variables: readonly TrainedVariable[],
  gradients: readonly VariableGradient[],
): Generator<void, void> {
  const rule = ruleOf(spec);
  const clipped = clipGradients(gradients, spec);
  yield;
  for (const [k, variable] of variables.entries()) {
    const { values, slots, dtype, shape, constraint } = variable;
    const learningRate = rounder(dtype)(learningRateAt(spec, iteration));
    const moment = { t: iteration + 1, learningRate, dtype };
    for (let start = 0; start < values.length; start += SLICE) {
      const part = (array: FloatArray) => array.subarray(start, start + SLICE);
      if (spec.weightDecay !== null) decay(part(values), spec.weightDecay * learningRate);
      const { values: gradient, squares } = clipped[k];
      rule.update(part(values), part(gradient), slots.map(part), moment, squares && part(squares));
      yield;
    }
    if (constraint) CONSTRAINTS[constraint.className](constraint.params)(values, shape);
    for (const array of [values, ...slots]) roundAll(array, dtype);
    yield;
  }
}

function decay(values: FloatArray, share: number): void {
  for (let i = 0; i < values.length; i++) values[i] -= values[i] * share;
}

/** float16 and bfloat16 are held in arrays of float32. */
function roundAll(values: FloatArray, dtype: Dtype): void {
  if (dtype === 'float32' || dtype === 'float64') return;
  const round = rounder(dtype);
  for (let i = 0; i < values.length; i++) values[i] = round(values[i]);
}
