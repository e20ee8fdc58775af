import { outputShape } from '../../domain/cell-definition.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import {
  type FloatArray,
  formatShape,
  fromFloat64,
  type Shape,
  sizeOf,
  Tensor,
  toFloat64,
} from '../../domain/tensor.ts';
import { requireShape, type TensorInput } from '../../domain/tensor-literal.ts';
import { counted } from '../../domain/words.ts';
import { type Cell, featuresOf } from '../cells/cell-record.ts';
import type { Context } from '../context.ts';
import { bytesOf, requireWork } from '../limits.ts';
import { canonicalOutput, sequenceShape, swapTime } from './layout.ts';
import type { Call, CallContext } from './prepare-call.ts';
import { resolveTensor } from './resolve-tensor.ts';
import {
  asSequence,
  planSequence,
  prepareSequence,
  runPlan,
  type SequenceCall,
  type SequenceOptions,
  type SequencePlan,
} from './run-sequence.ts';
import { fromCanonical } from './states.ts';

export interface GradientCall extends SequenceCall {
  /** Gradients of the objective with respect to the outputs, one for each output, in its shape. */
  readonly cotangents: readonly TensorInput[];
}

export interface Gradients {
  readonly outputs: readonly Tensor[];
  readonly states: readonly Tensor[];
  /** The sum of output times cotangent, whose gradients these are. */
  readonly objective: number;
  readonly inputs: Tensor;
  readonly initialState: readonly Tensor[];
  readonly variables: Readonly<Record<string, Tensor>>;
  readonly cellVersion: number;
}

/** @throws {Problem} no-gradients where the cell is a whole graph */
export function requireGradients({ record, graph }: Cell): void {
  if (!graph) return;
  const detail = `Cell '${record.id}' is a whole ONNX graph. ONNX Runtime computes its outputs and states, and no gradients.`;
  throw new Problem('no-gradients', detail);
}

/**
 * Gradients through time of objective = Σ output·cotangent. A single step is a sequence of one.
 * @throws {Problem} as for a sequence; wrong-shape if a cotangent does not have the shape of its output
 */
export async function cellGradients(
  context: CallContext & Pick<Context, 'stepper'>,
  id: string,
  request: GradientCall,
): Promise<Gradients> {
  const found = await context.cells.read(id);
  requireGradients(found);
  const called = await prepareSequence(context, found, request, {
    forms: ['step', 'sequence'],
    // Checked before the request builds the cell.
    check: async (call) => {
      requireWayBack(context, call);
      if (!found.record.input_shape) await readCotangents(context, call, request);
    },
  });
  const cotangents = await readCotangents(context, called, request);
  const call = asSequence(called);
  const { cell, batch, time, timeMajor } = call;
  const { definition, record, weights } = cell;
  const { stepWork = record.variables.reduce((sum, { shape }) => sum + sizeOf(shape), 1) } = definition;
  context.caller().holdResult(bytesOf([...record.variables, call.inputs]));
  requireWork(3 * batch * time * stepWork, context, '/inputs');
  const plan = planSequence(call, optionsOf(called, request));
  const { outputs, states } = await runPlan(context, call, plan);
  const program = definition.sequence(featuresOf(record), weights, plan.goBackwards);
  const result = await context.stepper.prepareGradients(program).run({
    ...plan.request,
    cotangents: cotangents.map((cotangent) => canonicalCotangent(call, plan, cotangent)),
    returnSequences: plan.returnSequences,
  });
  const named = definition.gradients(result);
  const { inputDims = [featuresOf(record)] } = definition;
  const inputs = new Tensor(definition.computeDtype, [batch, time, ...inputDims], result.inputs);
  return {
    outputs,
    states,
    objective: outputs.reduce((sum, output, i) => sum + dot(output, cotangents[i]), 0),
    // A single step has no time axis, neither in its gradients nor in its inputs.
    inputs: call === called ? swapTime(inputs, timeMajor) : new Tensor(inputs.dtype, called.inputs.shape, inputs.data),
    initialState: fromCanonical(definition, result.states, batch),
    variables: Object.fromEntries(
      // Statistics of a network's layers have no gradients.
      record.variables
        .filter(({ name }) => Object.hasOwn(named, name))
        .map(({ name, shape, dtype }) => [name, fromFloat64(dtype, shape, named[name])]),
    ),
    cellVersion: record.version,
  };
}

/** Numbers kept for the way back through a step, per number of its states and of its output. */
const KEPT = 8;
/** The same per state, whatever its width: what the arrays of a step take beside their numbers. */
const KEPT_BESIDE = 512;
/** What garbage a row has left may still be there with the next. */
const ROWS_KEPT = 2;

/** Each row goes forwards and back before the next. @throws {Problem} limit-exceeded, overloaded */
function requireWayBack({ limits, caller }: Pick<Context, 'limits' | 'caller'>, { cell, time }: Call): void {
  const { stateWidths, outputWidth, layerNumbers } = cell.definition;
  const widths = stateWidths.reduce((sum, width) => sum + width, outputWidth);
  const step = KEPT * widths + KEPT_BESIDE * Math.max(stateWidths.length, 1);
  const numbers = time * step + KEPT * (layerNumbers?.(time) ?? 0);
  if (numbers > limits.maxElements) {
    const detail = `Gradients through ${counted(time, 'step')} keep ${numbers} numbers of a row, over the limit of ${limits.maxElements} (CELLSTEP_MAX_ELEMENTS). Send fewer steps.`;
    throw fieldProblem('limit-exceeded', '/inputs', detail);
  }
  caller().hold(ROWS_KEPT * bytesOf([{ shape: [numbers], dtype: 'float64' }]));
}

/** For a single step the last output [batch, width] counts, if the class allows it. */
function optionsOf({ single, cell }: Call, request: GradientCall): SequenceOptions {
  const free = !cell.definition.sequenceDefaults.fixed.includes('return_sequences');
  return single && free ? { ...request, return_sequences: false } : request;
}

/** @throws {Problem} wrong-shape */
function requireCotangent(shape: Shape, output: Shape, pointer: string): void {
  requireShape(shape, output, pointer, () => `the output has shape ${formatShape(output)}. Send that`);
}

async function readCotangents(
  context: Pick<Context, 'store' | 'limits' | 'ops'>,
  call: Call,
  request: GradientCall,
): Promise<Tensor[]> {
  const { cotangents: given } = request;
  const { definition } = call.cell;
  const { outputDtype, outputWidth, outputWidths = [outputWidth], sequenceDefaults } = definition;
  if (given.length !== outputWidths.length) {
    const detail = `'cotangent' has ${counted(given.length, 'tensor')}; this cell has ${counted(outputWidths.length, 'output')}. Send one for each.`;
    throw fieldProblem('wrong-shape', '/cotangent', detail);
  }
  const whole = optionsOf(call, request).return_sequences ?? sequenceDefaults.returnSequences;
  const cotangents: Tensor[] = [];
  for (const [i, input] of given.entries()) {
    const shape = whole ? sequenceShape(definition, call, i) : outputShape(definition, [call.batch], i);
    const pointer = given.length === 1 ? '/cotangent' : `/cotangent/${i}`;
    const cotangent = await resolveTensor(context, input, outputDtype, pointer);
    requireCotangent(cotangent.shape, shape, pointer);
    cotangents.push(cotangent);
  }
  return cotangents;
}

function canonicalCotangent({ cell, timeMajor }: Call, { returnSequences }: SequencePlan, given: Tensor): FloatArray {
  const canonical = returnSequences ? canonicalOutput(given, timeMajor, cell.definition.layout) : given;
  return canonical.data as FloatArray;
}

function dot(a: Tensor, b: Tensor): number {
  const [x, y] = [toFloat64(a), toFloat64(b)];
  return x.reduce((sum, value, i) => sum + value * y[i], 0);
}
