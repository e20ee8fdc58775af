import type { CellDefinition } from '../../domain/cell-definition.ts';
import type { Deferred, GateTrace, PreparedCell, StepResult, Training } from '../../domain/ports.ts';
import { cast, type FloatArray, Tensor } from '../../domain/tensor.ts';
import type { Cell } from '../cells/cell-record.ts';
import type { Context } from '../context.ts';
import { fromCanonical, toCanonical } from './states.ts';
import { requireRoom } from './step-inputs.ts';

/** One gate over a step [batch, units], or over a sequence [batch, time, units]. */
export interface TracedGate {
  readonly before: Tensor;
  readonly after: Tensor;
}

export type Trace = Readonly<Record<string, TracedGate>>;

export interface Stepped {
  readonly output: Tensor;
  /** In the framework's shapes. */
  readonly states: readonly Tensor[];
  readonly trace?: Trace;
}

/** One step of inputs [batch, features] → output [batch, width]. @throws {Problem} limit-exceeded */
export async function runStep(
  { limits }: Pick<Context, 'limits'>,
  cell: Cell,
  prepared: Deferred<PreparedCell>,
  inputs: Tensor,
  states: readonly Tensor[],
  options: { readonly trace: boolean; readonly training?: Training },
): Promise<Stepped> {
  const { definition } = cell;
  const { outputDtype, outputWidth, outputIsState, stateGroups } = definition;
  const [batch] = inputs.shape;
  requireRoom(limits, cell, batch, 1, options.trace);
  const canonical = toCanonical(definition, states, batch);
  const result: StepResult = await prepared.step(inputs.data as FloatArray, canonical, batch, options);
  // A layer may have another dtype than its cell.
  const dtype = outputIsState === null ? outputDtype : stateGroups[outputIsState].dtype;
  return {
    output: cast(new Tensor(dtype, [batch, outputWidth], result.output), outputDtype),
    states: fromCanonical(definition, result.states, batch),
    ...(result.trace ? { trace: traceOf(definition, result.trace, [batch]) } : {}),
  };
}

/** Gates by name; `lead` are the axes before the units. */
export function traceOf(
  { traceName = (name) => name }: Pick<CellDefinition, 'traceName'>,
  gates: readonly GateTrace[],
  lead: readonly number[],
): Trace {
  const named = gates.map(({ name, dtype, width, before, after }) => {
    const tensor = (values: FloatArray) => new Tensor(dtype, [...lead, width], values);
    return [traceName(name), { before: tensor(before), after: tensor(after) }] as const;
  });
  return Object.fromEntries(named);
}
