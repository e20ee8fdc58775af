import { outputShape, type SequenceOption } from '../../domain/cell-definition.ts';
import type { SequenceRequest } from '../../domain/ports.ts';
import { fieldProblem } from '../../domain/problems.ts';
import { type FloatArray, Tensor } from '../../domain/tensor.ts';
import type { StatesGiven } from '../../domain/tensor-literal.ts';
import type { Cell } from '../cells/cell-record.ts';
import type { Context } from '../context.ts';
import { type GivenInputs, soleInput } from './graph-inputs.ts';
import { arrangeOutput, swapTime } from './layout.ts';
import { type Call, type CallContext, type CallKind, type CallRequest, prepareCall } from './prepare-call.ts';
import { type GraphRun, runGraph } from './run-graph.ts';
import { fromCanonical, readStates, toCanonical } from './states.ts';
import { type Trace, traceOf } from './trace.ts';

/** How to run a sequence. Options that are left out come from the class and its config. */
export interface SequenceOptions {
  readonly return_sequences?: boolean;
  readonly go_backwards?: boolean;
  readonly zero_output_for_mask?: boolean;
  /** The output of the step before the first one, if any; [batch, width]. */
  readonly previous?: Tensor;
}

/** A sequence as a request describes it. */
export type SequenceCall = CallRequest & Omit<SequenceOptions, 'previous'> & { readonly initial_state?: StatesGiven };

export interface Sequenced {
  /** One output; two if a bidirectional layer does not merge them. */
  readonly outputs: readonly Tensor[];
  /** The output of the last processed step, [batch, width]. */
  readonly last: readonly Tensor[];
  readonly states: readonly Tensor[];
  readonly trace?: Trace;
}

/** The inputs of a sequence, in canonical layouts. */
export interface SequencePlan {
  readonly goBackwards: boolean;
  readonly returnSequences: boolean;
  readonly request: SequenceRequest;
}

/** The same, where the cell may be a graph with several inputs. */
export type AnySequenceCall = Omit<SequenceCall, 'inputs'> & GivenInputs;

/** A whole sequence. Stores nothing, except that it builds an unbuilt cell. */
export async function runCellSequence(
  context: CallContext,
  id: string,
  request: AnySequenceCall,
): Promise<Sequenced & { readonly named?: GraphRun['outputs']; readonly cellVersion: number }> {
  const found = await context.cells.read(id);
  if (found.graph) return { ...(await runGraphSequence(context, found, request)), cellVersion: found.record.version };
  const inputs = soleInput(request, id);
  const call = await prepareSequence(context, found, { ...request, inputs }, { forms: ['sequence'] });
  return { ...(await runSequence(context, call, request)), cellVersion: call.cell.record.version };
}

/** Runs of a graph, one for each step. @throws {Problem} as runGraph; invalid-value for options that graphs do not have */
async function runGraphSequence(
  context: CallContext,
  found: Cell,
  request: AnySequenceCall,
): Promise<Sequenced & { readonly named?: GraphRun['outputs'] }> {
  const option = (['return_sequences', 'go_backwards', 'zero_output_for_mask', 'time_major'] as const).find(
    (one) => request[one] !== undefined,
  );
  if (option) throw fieldProblem('invalid-value', `/${option}`, `A whole ONNX graph takes no ${option}. Leave it out.`);
  const states = (rows = 1) => readStates(context, found, request.initial_state, rows, '/initial_state');
  const { outputs, states: after, time } = await runGraph(context, found, request, { states, everyState: false });
  if (time === undefined) {
    const detail = 'The inputs have the shape of a single step. Send inputs with a time axis, or POST them to /steps.';
    throw fieldProblem('wrong-shape', '/inputs', detail);
  }
  const all = Object.values(outputs);
  const named = all.length > 1 ? { named: outputs } : {};
  return { outputs: all.slice(0, 1), last: [], states: after[after.length - 1], ...named };
}

/** @throws {Problem} invalid-value for an option that the class fixes, or as prepareCall */
export function prepareSequence(
  context: CallContext,
  found: Cell,
  request: SequenceCall,
  { forms, check }: Pick<CallKind, 'forms' | 'check'>,
): Promise<Call> {
  return prepareCall(context, found, request, {
    forms,
    states: (batch) => readStates(context, found, request.initial_state, batch, '/initial_state'),
    async check(call) {
      refuseFixed(found, request);
      await check?.(call);
    },
  });
}

function refuseFixed({ definition, record }: Cell, request: SequenceCall): void {
  const sent = (option: SequenceOption) => request[option] !== undefined;
  const option = definition.sequenceDefaults.fixed.find(sent);
  if (option === undefined) return;
  const detail = `'${option}' is fixed by ${definition.className} and its config; leave it out for cell '${record.id}'.`;
  throw fieldProblem('invalid-value', `/${option}`, detail);
}

/** A single step as a sequence of one. */
export function asSequence(call: Call): Call {
  const { inputs, batch, timeMajor } = call;
  if (!call.single) return call;
  const dims = inputs.shape.slice(1);
  const shape = timeMajor ? [1, batch, ...dims] : [batch, 1, ...dims];
  return { ...call, inputs: new Tensor(inputs.dtype, shape, inputs.data) };
}

/** How to run a sequence, from the options, the class and its config. */
export function planSequence(call: Call, options: SequenceOptions): SequencePlan {
  const { inputs, states, mask, batch, time, trace, training } = call;
  const { definition } = call.cell;
  const { sequenceDefaults } = definition;
  const returnSequences = options.return_sequences ?? sequenceDefaults.returnSequences;
  return {
    goBackwards: options.go_backwards ?? sequenceDefaults.goBackwards,
    returnSequences,
    request: {
      inputs: swapTime(inputs, call.timeMajor).data as FloatArray,
      batch,
      time,
      states: toCanonical(definition, states, batch),
      mask,
      returnSequences,
      zeroOutputForMask: options.zero_output_for_mask ?? sequenceDefaults.zeroOutputForMask ?? returnSequences,
      previous: options.previous?.data as FloatArray | undefined,
      trace,
      training,
    },
  };
}

/** A whole sequence, its results in the framework's own layouts. */
export async function runSequence(
  context: Pick<Context, 'cells'>,
  call: Call,
  options: SequenceOptions,
): Promise<Sequenced> {
  return runPlan(context, call, planSequence(call, options));
}

/** The same for a planned sequence. */
export async function runPlan(
  { cells }: Pick<Context, 'cells'>,
  { cell, batch, time, timeMajor }: Call,
  { goBackwards, returnSequences, request }: SequencePlan,
): Promise<Sequenced> {
  const { definition } = cell;
  const result = await cells.prepareSequence(cell, goBackwards).run(request);
  const { outputDtype, layout } = definition;
  const output = (lead: readonly number[]) => (data: FloatArray, i: number) =>
    new Tensor(outputDtype, outputShape(definition, lead, i), data);
  const last = result.last.map(output([batch]));
  // A network may return more or fewer steps than it takes.
  const steps = definition.outputSteps?.(time) ?? time;
  const whole = () => result.sequences.map(output([batch, steps])).map((one) => arrangeOutput(one, timeMajor, layout));
  return {
    outputs: returnSequences ? whole() : last,
    last,
    states: fromCanonical(definition, result.states, batch),
    ...(result.trace ? { trace: traceOf(definition, result.trace, [batch, time], timeMajor) } : {}),
  };
}
