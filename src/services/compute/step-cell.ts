import { outputShape } from '../../domain/cell-definition.ts';
import type { StepResult } from '../../domain/ports.ts';
import { cast, type FloatArray, Tensor } from '../../domain/tensor.ts';
import type { StatesGiven } from '../../domain/tensor-literal.ts';
import type { Context } from '../context.ts';
import { type GivenInputs, soleInput } from './graph-inputs.ts';
import { type Call, type CallContext, type CallRequest, prepareCall } from './prepare-call.ts';
import { type GraphRun, runGraph } from './run-graph.ts';
import { fromCanonical, readStates, toCanonical } from './states.ts';
import { type Trace, traceOf } from './trace.ts';

export type StepRequest = GivenInputs & Pick<CallRequest, 'trace' | 'training'> & { readonly states?: StatesGiven };

export interface Stepped {
  readonly output: Tensor;
  /** By name, of a graph that has several. */
  readonly outputs?: Readonly<Record<string, Tensor>>;
  /** In the framework's shapes. */
  readonly states: readonly Tensor[];
  readonly trace?: Trace;
}

export interface SteppedCell extends Stepped {
  readonly cellVersion: number;
}

/** One step from the states that the client sends. Stores nothing, except that it builds an unbuilt cell. */
export async function stepCell(context: CallContext, id: string, request: StepRequest): Promise<SteppedCell> {
  const found = await context.cells.read(id);
  context.cells.requireSteps(found);
  const states = (batch: number) => readStates(context, found, request.states, batch, '/states');
  if (found.graph) {
    const run = await runGraph(context, found, request, { states: (rows = 1) => states(rows), everyState: false });
    return { ...steppedByGraph(run), cellVersion: found.record.version };
  }
  const inputs = soleInput(request, id);
  const call = await prepareCall(context, found, { ...request, inputs }, { forms: ['step'], states });
  return { ...(await stepOnce(context, call)), cellVersion: call.cell.record.version };
}

/** The result of the last of the runs. */
export function steppedByGraph({ outputs, states }: GraphRun): Stepped {
  const all = Object.entries(outputs);
  return { output: all[0][1], states: states[states.length - 1], ...(all.length > 1 ? { outputs } : {}) };
}

/** One step of inputs [batch, features] → output [batch, width]. */
export async function stepOnce({ cells }: Pick<Context, 'cells'>, call: Call): Promise<Stepped> {
  const { cell, inputs, states, batch, trace, training } = call;
  const { definition } = cell;
  const { outputDtype, outputIsState, stateGroups } = definition;
  const canonical = toCanonical(definition, states, batch);
  const options = { trace, training };
  const result: StepResult = await cells.prepare(cell).step(inputs.data as FloatArray, canonical, batch, options);
  // A layer may have another dtype than its cell.
  const dtype = outputIsState === null ? outputDtype : stateGroups[outputIsState].dtype;
  return {
    output: cast(new Tensor(dtype, outputShape(definition, [batch]), result.output), outputDtype),
    states: fromCanonical(definition, result.states, batch),
    ...(result.trace ? { trace: traceOf(definition, result.trace, [batch]) } : {}),
  };
}
