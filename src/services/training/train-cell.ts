import type { VariableSpec, Weights } from '../../domain/cell-definition.ts';
import { type ExpectedVersion, requireVersion } from '../../domain/conditions.ts';
import type { Json } from '../../domain/json.ts';
import { fieldProblem } from '../../domain/problems.ts';
import { allocate, type FloatArray, fromFloat64, type Shape, sizeOf, Tensor } from '../../domain/tensor.ts';
import type { StatesGiven, TensorInput, TensorLiteral } from '../../domain/tensor-literal.ts';
import { activityRegularizer } from '../../frameworks/keras/training/activity-regularizers.ts';
import { parseLoss } from '../../frameworks/keras/training/parse-loss.ts';
import { type ParsedOptimizer, parseOptimizer } from '../../frameworks/keras/training/parse-optimizer.ts';
import { ruleOf } from '../../training/update.ts';
import { buildRecord } from '../cells/build-cell.ts';
import { type Cell, cellWrites, featuresOf } from '../cells/cell-record.ts';
import { changeCellWrites } from '../cells/pinned-versions.ts';
import type { Decision } from '../changes/decision.ts';
import { readInputs } from '../compute/call-inputs.ts';
import { requireGradients } from '../compute/cell-gradients.ts';
import type { Call, CallContext } from '../compute/prepare-call.ts';
import { planSequence, prepareSequence } from '../compute/run-sequence.ts';
import type { Context } from '../context.ts';
import { requireTrainingRoom } from './limits.ts';
import { findOptimizer, optimizerWrite, type StoredOptimizer, slotName } from './optimizer-record.ts';
import { readTargets } from './read-targets.ts';
import {
  presentWeights,
  type TrainingPlan,
  type TrainingState,
  trainedVariables,
  trainingStep,
} from './training-step.ts';

type Needs = CallContext & Pick<Context, 'stepper' | 'newSeed'>;

/** A training as a request describes it. */
export interface TrainingCall {
  readonly inputs: TensorInput;
  readonly targets: TensorInput;
  readonly loss: Json;
  readonly optimizer: Json;
  readonly sample_weight?: TensorInput;
  readonly mask?: TensorLiteral;
  readonly initial_state?: StatesGiven;
  readonly return_sequences?: boolean;
  readonly seed?: number;
  readonly repeat: number;
}

/** The loss before an update, and the number of updates, including this one. */
export interface TrainingProgress {
  readonly iteration: number;
  readonly loss: Tensor;
}

/** How to follow and stop a training. */
export interface Following {
  /** Called after each step except the last, which counts only after the commit. */
  readonly progress?: (made: TrainingProgress) => void;
  /** Ends the training after the current step. Nothing is changed then. */
  readonly signal?: AbortSignal;
}

export interface Trained {
  /** The loss of every step of the request before its update, [repeat]. */
  readonly losses: Tensor;
  readonly iteration: number;
  readonly cellVersion: number;
}

/**
 * Decides on training: `repeat` steps of the optimizer on one batch, all or none, as Keras' train_on_batch does.
 * @throws {Problem} not-found, version-mismatch, invalid-config, wrong-shape, limit-exceeded, loss-not-finite
 */
export async function trainCell(
  context: Needs,
  id: string,
  expected: ExpectedVersion | undefined,
  call: TrainingCall,
  { progress, signal }: Following = {},
): Promise<Decision<Trained>> {
  const loss = parseLoss(call.loss, '/loss');
  const optimizer = parseOptimizer(call.optimizer, '/optimizer');
  const stored = await context.cells.read(id);
  requireGradients(stored);
  requireVersion(`Cell '${id}'`, stored.record.version, expected);
  const activity = activityRegularizer(stored.definition.className, stored.definition.config);
  const given = await prepare(context, stored, call);
  const { cell } = given;
  requireTrainingRoom(context, given, call.repeat);
  const sequence = planSequence(given, call);
  const plan: TrainingPlan = {
    definition: cell.definition,
    precision: cell.record.precision,
    features: featuresOf(cell.record),
    sequence,
    targets: await readTargets(context, given, sequence.returnSequences, loss, call),
    loss,
    ...(activity ? { activity } : {}),
    optimizer: optimizer.spec,
    seed: call.seed ?? context.newSeed(),
  };
  const kept = await findOptimizer(context, cell.record);
  let state = startOf(cell, optimizer, kept);
  const losses: number[] = [];
  for (let step = 0; step < call.repeat; step++) {
    signal?.throwIfAborted();
    const { loss: before, statistics } = await trainingStep(context, plan, state, step);
    losses.push(before);
    state = { ...state, weights: { ...state.weights, ...statistics }, iteration: state.iteration + 1 };
    const made = { iteration: state.iteration, loss: lossTensor(cell, [], [losses[step]]) };
    if (step < call.repeat - 1) progress?.(made);
  }
  signal?.throwIfAborted();
  return keep(context, stored, cell, { optimizer, before: kept, state, losses });
}

/** The call to compute. An unbuilt cell gets its first values here; the commit keeps them with the trained ones. */
async function prepare(context: Needs, stored: Cell, call: TrainingCall): Promise<Call> {
  const cell = await built(context, stored, call);
  const { outputWidths, className } = cell.definition;
  if (outputWidths && outputWidths.length > 1) {
    const detail = `${className} with merge_mode null has two outputs; a loss takes one. Train it with another merge_mode.`;
    throw fieldProblem('invalid-value', '/targets', detail);
  }
  const request = { ...call, trace: false, training: { seed: 0 } };
  const given = await prepareSequence(context, cell, request, { forms: ['sequence'] });
  if (given.batch * given.time > 0) return given;
  throw fieldProblem('wrong-shape', '/inputs', "'inputs' is empty. Send at least one step of one row.");
}

async function built(context: Needs, stored: Cell, { inputs }: TrainingCall): Promise<Cell> {
  if (stored.record.input_shape) return stored;
  const { shape } = await readInputs(context, stored, inputs, ['sequence']);
  const inputShape = [null, shape[shape.length - 1]];
  return { ...stored, ...(await buildRecord(context, stored.record, stored.definition, inputShape)) };
}

/** The starting point of training: the slots of the optimizer if it is the same as before, else new slots. */
function startOf(
  { record, definition, weights }: Cell,
  { spec, serialized }: ParsedOptimizer,
  before: StoredOptimizer | undefined,
): TrainingState {
  const rule = ruleOf(spec);
  const same =
    before?.record.class_name === serialized.class_name &&
    JSON.stringify(before.record.config) === JSON.stringify(serialized.config);
  const known = same ? before.slots : {};
  const slotsOf = ({ name, shape, dtype }: VariableSpec) =>
    rule.slots.map(({ name: slot, initial }): FloatArray => {
      const kept = known[slotName(name, slot)];
      return kept ? (kept.data.slice() as FloatArray) : (allocate(dtype, sizeOf(shape)) as FloatArray).fill(initial);
    });
  const specs = definition.variables(featuresOf(record), Object.keys(weights));
  return { weights, trained: trainedVariables(specs, weights, slotsOf), iteration: same ? before.record.iteration : 0 };
}

interface Outcome {
  readonly optimizer: ParsedOptimizer;
  readonly before: StoredOptimizer | undefined;
  readonly state: TrainingState;
  readonly losses: readonly number[];
}

/** The writes that keep the new values and the optimizer. */
async function keep(
  { store, clock }: Needs,
  stored: Cell,
  cell: Cell,
  { optimizer, before, state, losses }: Outcome,
): Promise<Decision<Trained>> {
  const { trained, iteration } = state;
  const fresh = !stored.record.input_shape;
  const followed = Object.keys(cell.weights).filter((name) => state.weights[name] !== cell.weights[name]);
  const names = new Set([...trained.map(({ name }) => name), ...followed]);
  const variables = cell.record.variables.map((variable) =>
    names.has(variable.name) && !fresh ? { ...variable, version: variable.version + 1 } : variable,
  );
  const next = { ...cell.record, variables, version: stored.record.version + 1, updated_at: clock() };
  const values = presentWeights(state);
  const changed: Weights = fresh ? values : Object.fromEntries([...names].map((name) => [name, values[name]]));
  const rule = ruleOf(optimizer.spec);
  const slots = trained.flatMap(({ name, shape, dtype, slots: own }) =>
    rule.slots.map((slot, k) => [slotName(name, slot.name), new Tensor(dtype, shape, own[k])] as const),
  );
  const record = {
    format: 1 as const,
    class_name: String(optimizer.serialized.class_name),
    config: optimizer.serialized.config as Record<string, Json>,
    iteration,
    version: (before?.record.version ?? 0) + 1,
    updated_at: clock(),
  };
  return {
    writes: [
      ...(fresh ? await cellWrites(stored, next, changed) : await changeCellWrites(store, stored, next, changed)),
      optimizerWrite(cell.record, before, record, Object.fromEntries(slots)),
    ],
    result: { losses: lossTensor(cell, [losses.length], losses), iteration, cellVersion: next.version },
  };
}

function lossTensor({ definition }: Cell, shape: Shape, values: readonly number[]): Tensor {
  return fromFloat64(definition.outputDtype === 'float64' ? 'float64' : 'float32', shape, values);
}
