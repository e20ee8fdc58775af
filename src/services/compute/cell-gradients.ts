import type { CellDefinition } from '../../domain/cell-definition.ts';
import { fieldProblem } from '../../domain/problems.ts';
import { type Dtype, type FloatArray, fromFloat64, Tensor, toFloat64, zeros } from '../../domain/tensor.ts';
import { isReference, requireShape, reshapeLiteral, type TensorInput } from '../../domain/tensor-literal.ts';
import { counted } from '../../domain/words.ts';
import { type Cell, featuresOf } from '../cells/cell-record.ts';
import type { CellReader } from '../cells/cells.ts';
import type { Changer } from '../changes/change.ts';
import type { Context } from '../context.ts';
import { requireWork } from '../limits.ts';
import { arrangeOutput, canonicalOutput, swapTime } from './layout.ts';
import { resolveTensor } from './resolve-tensor.ts';
import { readSequence, type SequenceCall } from './run-cell-sequence.ts';
import { planSequence, runSequence, type SequencePlan } from './run-sequence.ts';
import { fromCanonical } from './states.ts';

export interface GradientCall extends SequenceCall {
  /** Gradient of the loss with respect to the output, of its shape; one for each output. */
  readonly cotangents: readonly TensorInput[];
}

export interface Gradients {
  readonly outputs: readonly Tensor[];
  readonly states: readonly Tensor[];
  /** The sum of output times cotangent: the loss whose gradients these are. */
  readonly loss: number;
  readonly inputs: Tensor;
  readonly initialState: readonly Tensor[];
  readonly variables: Readonly<Record<string, Tensor>>;
  readonly cellVersion: number;
}

/**
 * Gradients through time of loss = Σ output·cotangent. A single step is a sequence of one.
 * @throws {Problem} as for a sequence; wrong-shape for a cotangent that is not of the output's shape
 */
export async function cellGradients(
  context: Pick<Context, 'store' | 'clock' | 'initialize' | 'limits' | 'stepper'>,
  cells: CellReader,
  changer: Changer,
  id: string,
  given: GradientCall,
): Promise<Gradients> {
  const call = await asSequenceCall(cells, id, given);
  const early = (found: Cell, plan: SequencePlan) => checkCotangents(context, found, plan, given.cotangents);
  const { cell, inputs, states, mask } = await readSequence(context, cells, changer, id, call, early);
  const { definition, record, weights } = cell;
  const options = { ...call, trace: false };
  const plan = planSequence(context, cell, inputs, states, mask, options);
  requireWork(
    3 * plan.batch * plan.time * record.variables.reduce((sum, { shape }) => sum + size(shape), 1),
    context.limits,
    '/inputs',
  );
  const { outputs, states: final } = await runSequence(context, cells, cell, inputs, states, mask, options);
  const cotangents = await readCotangents(context, cell, outputs, call.cotangents);
  const program = definition.sequence(featuresOf(record), weights, plan.goBackwards);
  const result = await context.stepper.prepareGradients(program).run({
    ...plan.request,
    cotangents: cotangents.map((cotangent) => canonicalCotangent(definition, plan, cotangent)),
    returnSequences: plan.returnSequences,
  });
  const { batch, time, timeMajor } = plan;
  const inputGradients = new Tensor(definition.computeDtype, [batch, time, featuresOf(record)], result.inputs);
  const named = definition.gradients(result.cells);
  return {
    outputs,
    states: final,
    loss: outputs.reduce((sum, output, i) => sum + dot(output, cotangents[i]), 0),
    // A single step has no time axis, in its gradients as in its inputs.
    inputs:
      call === given
        ? swapTime(inputGradients, timeMajor)
        : new Tensor(definition.computeDtype, [batch, featuresOf(record)], inputGradients.data),
    initialState: fromCanonical(definition, result.states, batch),
    variables: Object.fromEntries(
      record.variables.map(({ name, shape, dtype }) => [name, asTensor(dtype, shape, named[name])]),
    ),
    cellVersion: record.version,
  };
}

/** A single step [batch, features] as a sequence of one, whose last output [batch, width] is the one that counts. */
async function asSequenceCall(cells: CellReader, id: string, call: GradientCall): Promise<GradientCall> {
  const { inputs } = call;
  if (isReference(inputs) || inputs.shape.length !== 2) return call;
  const { layout, sequenceDefaults } = (await cells.read(id)).definition;
  const [batch, features] = inputs.shape;
  const shape = layout.timeMajor ? [1, batch, features] : [batch, 1, features];
  const fixed = sequenceDefaults.fixed.includes('return_sequences');
  return { ...call, inputs: reshapeLiteral(inputs, shape), ...(fixed ? {} : { return_sequences: false }) };
}

/** What is wrong with the cotangent is found before the cell is built by the request; that of one output, at least. */
async function checkCotangents(
  context: Pick<Context, 'store' | 'limits'>,
  cell: Cell,
  { batch, time, timeMajor, returnSequences }: SequencePlan,
  given: readonly TensorInput[],
): Promise<void> {
  const { outputDtype, outputWidth, outputWidths: [width] = [outputWidth], layout } = cell.definition;
  const output = returnSequences
    ? arrangeOutput(zeros(outputDtype, [batch, time, width]), timeMajor, layout)
    : zeros(outputDtype, [batch, width]);
  if (given.length === 1) await readCotangents(context, cell, [output], given);
}

async function readCotangents(
  context: Pick<Context, 'store' | 'limits'>,
  { definition }: Cell,
  outputs: readonly Tensor[],
  given: readonly TensorInput[],
): Promise<Tensor[]> {
  if (given.length !== outputs.length) {
    const detail = `'cotangent' has ${counted(given.length, 'tensor')}; this cell has ${counted(outputs.length, 'output')}. Send one for each.`;
    throw fieldProblem('wrong-shape', '/cotangent', detail);
  }
  const cotangents: Tensor[] = [];
  for (const [i, input] of given.entries()) {
    const pointer = given.length === 1 ? '/cotangent' : `/cotangent/${i}`;
    const cotangent = await resolveTensor(context, input, definition.outputDtype, pointer);
    const { shape } = outputs[i];
    requireShape(cotangent.shape, shape, pointer, `the output has shape [${shape.join(',')}]. Send that`);
    cotangents.push(cotangent);
  }
  return cotangents;
}

function canonicalCotangent({ layout }: CellDefinition, plan: SequencePlan, cotangent: Tensor): FloatArray {
  const canonical = plan.returnSequences ? canonicalOutput(cotangent, plan.timeMajor, layout) : cotangent;
  return canonical.data as FloatArray;
}

function dot(a: Tensor, b: Tensor): number {
  const [x, y] = [toFloat64(a), toFloat64(b)];
  return x.reduce((sum, value, i) => sum + value * y[i], 0);
}

function asTensor(dtype: Dtype, shape: readonly number[], values: FloatArray): Tensor {
  return fromFloat64(dtype, shape, values);
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
