import type { CellDefinition, VariableSpec, Weights } from '../../domain/cell-definition.ts';
import type { LossSpec, NamedSpec, OptimizerSpec, Targets } from '../../domain/learning.ts';
import type { Precision, TrainingResult } from '../../domain/ports.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import { type FloatArray, fromFloat64, Tensor } from '../../domain/tensor.ts';
import { inTurns } from '../../threads/in-turns.ts';
import { regularize, type TrainedVariable, updateVariables } from '../../training/update.ts';
import type { SequencePlan } from '../compute/run-sequence.ts';
import type { Context } from '../context.ts';

/** What the steps of one request have in common. */
export interface TrainingPlan {
  readonly definition: CellDefinition;
  readonly precision: Precision;
  readonly features: number;
  readonly sequence: SequencePlan;
  readonly targets: Targets;
  readonly loss: LossSpec;
  /** What the outputs cost. */
  readonly activity?: NamedSpec;
  readonly optimizer: OptimizerSpec;
  /** Seed of the dropout masks. Each step of the request has different masks. */
  readonly seed: number;
}

/** A cell's values while it is trained. */
export interface TrainingState {
  /** All weights of the cell. Trained weights are the old ones; weights that follow the batches are replaced. */
  readonly weights: Weights;
  /** Changed in place. */
  readonly trained: readonly TrainedVariable[];
  /** Updates before. */
  readonly iteration: number;
}

/** The result of a step. */
export interface StepMade {
  /** Before the step. */
  readonly loss: number;
  /** New values of the variables that follow the batches. */
  readonly statistics: Weights;
}

/**
 * One step of training. The values of `state.trained` are changed in place.
 * @throws {Problem} loss-not-finite
 */
export async function trainingStep(
  { stepper }: Pick<Context, 'stepper'>,
  plan: TrainingPlan,
  state: TrainingState,
  step: number,
): Promise<StepMade> {
  const { definition, precision, features, sequence, targets, loss, activity, optimizer } = plan;
  const { trained, iteration } = state;
  const program = definition.sequence(features, presentWeights(state), sequence.goBackwards);
  const { dropouts, arithmetics } = definition;
  // Each draw of a step takes a seed of its own; the next step goes on after the last of them.
  const training = { seed: plan.seed + step * Math.max(1, (dropouts ?? arithmetics).length) };
  const { request, returnSequences } = sequence;
  // The gradient of a regularizer is not sparse; with one, Keras clips the whole gradient.
  const isSparse = !trained.some(({ name, regularizer }) => regularizer && /(^|\.)embeddings$/.test(name));
  const clipvalue = isSparse ? optimizer.clipvalue || undefined : undefined;
  const result = await stepper.prepareTraining(program, precision).run({
    ...request,
    training,
    returnSequences,
    loss,
    targets,
    ...(activity ? { activity } : {}),
    ...(clipvalue ? { clipvalue } : {}),
  });
  requireFinite(result.loss, 'The loss', iteration);
  const gradients = ownGradients(definition, trained, result);
  const total = result.loss + regularize(trained, gradients);
  requireFinite(total, 'The loss with the regularizers', iteration);
  const squares = definition.statistics?.({ statistics: result.squares }) ?? {};
  const made = gradients.map((values, k) => {
    const { name, regularizer } = trained[k];
    return { values, squares: regularizer || (optimizer.clipvalue && !clipvalue) ? undefined : squares[name] };
  });
  await inTurns(updateVariables(optimizer, iteration, trained, made));
  for (const { name, values } of trained) {
    const wrong = values.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) requireFinite(values[wrong], `'${name}' after the update`, iteration);
  }
  return { loss: total, statistics: statisticsOf(definition, state, result) };
}

function statisticsOf(definition: CellDefinition, { weights }: TrainingState, result: TrainingResult): Weights {
  const named = definition.statistics?.(result) ?? {};
  const tensors = Object.entries(named).map(([name, values]) => {
    const { dtype, shape } = weights[name];
    return [name, fromFloat64(dtype, shape, values)] as const;
  });
  return Object.fromEntries(tensors);
}

/** All current weights, copied: code that computes may keep them. */
export function presentWeights({ weights, trained }: TrainingState): Weights {
  const own = trained.map(({ name, shape, dtype, values }) => [name, new Tensor(dtype, shape, values.slice())]);
  return { ...weights, ...Object.fromEntries(own) };
}

/** Gradients by variable, in arrays that may be changed: two variables may share a gradient. */
function ownGradients(
  definition: CellDefinition,
  trained: readonly TrainedVariable[],
  result: TrainingResult,
): FloatArray[] {
  const named = definition.gradients(result);
  return trained.map(({ name }) => named[name].slice());
}

function requireFinite(value: number, what: string, iteration: number): void {
  if (Number.isFinite(value)) return;
  const detail = `${what} is ${value} at iteration ${iteration}. Nothing was changed.`;
  throw new Problem('loss-not-finite', detail);
}

/** The weights to train, copied, with the kept slots or new ones. @throws {Problem} invalid-value */
export function trainedVariables(
  specs: readonly VariableSpec[],
  weights: Weights,
  slotsOf: (spec: VariableSpec) => readonly FloatArray[],
): TrainedVariable[] {
  const trainable = specs.filter((spec) => spec.trainable);
  if (trainable.length === 0) {
    const detail = 'No variable of this cell is trainable. Make it with "trainable": true in its config.';
    throw fieldProblem('invalid-value', '/optimizer', detail);
  }
  return trainable.map((spec) => {
    const { name, shape, dtype, regularizer, constraint } = spec;
    const values = weights[name].data.slice() as FloatArray;
    return { name, shape, dtype, values, slots: slotsOf(spec), regularizer, constraint };
  });
}
