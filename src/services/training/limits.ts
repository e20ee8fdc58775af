import type { Limits } from '../../domain/limits.ts';
import { fieldProblem } from '../../domain/problems.ts';
import { sizeOf } from '../../domain/tensor.ts';
import type { Call } from '../compute/prepare-call.ts';
import { requireWorkOfOne, type WorkContext } from '../limits.ts';

/** The measured cost of a row besides the products with the weights, in multiply-adds. */
const ROW_WORK = 2_000;
/** One pass forwards, one back to the inputs, one to the weights. */
const WAYS = 3;
/**
 * Numbers kept for the backward pass, per number of the states and of what layers give: before and after the activation, their
 * gradients, and copies that the kernels work on.
 */
const KEPT = 8;

/**
 * Refuses too much work before any of it begins. One step has the limit of every request that computes. All steps together
 * have a higher limit, since a client can follow and stop them.
 * @throws {Problem} limit-exceeded, quota-exceeded
 */
export function requireTrainingRoom(
  { limits, spendWork }: WorkContext,
  { cell, batch, time }: Call,
  repeat: number,
): void {
  const { record, definition } = cell;
  const { stateWidths, outputWidth } = definition;
  const states = stateWidths.reduce((sum, width) => sum + width, outputWidth);
  requireNumbers(KEPT * batch * (time * states + (definition.layerNumbers?.(time) ?? 0)), limits);
  const weights = record.variables.reduce((sum, { shape }) => sum + sizeOf(shape), ROW_WORK);
  const step = WAYS * batch * time * weights;
  requireWorkOfOne(step, limits, '/inputs');
  const { maxTrainingWork: most } = limits;
  if (step * repeat <= most) {
    spendWork(step * repeat);
    return;
  }
  const steps = Math.floor(most / step);
  const detail = `${repeat} steps take ${step * repeat} multiply-adds, over the limit of ${most} a request (CELLSTEP_MAX_TRAINING_WORK). Send a \`repeat\` of ${steps} at most.`;
  throw fieldProblem('limit-exceeded', '/repeat', detail);
}

/** @throws {Problem} limit-exceeded if a training step would keep more numbers than a tensor may have */
function requireNumbers(numbers: number, { maxElements }: Pick<Limits, 'maxElements'>): void {
  if (numbers <= maxElements) return;
  const detail = `A training step on these inputs keeps ${numbers} numbers, over the limit of ${maxElements} (CELLSTEP_MAX_ELEMENTS). Send fewer rows or steps.`;
  throw fieldProblem('limit-exceeded', '/inputs', detail);
}
