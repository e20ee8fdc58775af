import type { CellGradients } from '../domain/ports.ts';
import type { CellProgram } from '../domain/program.ts';
import type { CellRow, RowMasks } from './cell-row.ts';
import type { Gate } from './gate-gradient.ts';

/** The weights' gradients, summed in float64; arrays as in the program. */
export type GradientSums = { readonly [Name in keyof CellGradients]: Float64Array };

/** Gradients with respect to what went into a step; fresh arrays. */
interface StepGradient {
  readonly inputs: Float64Array;
  readonly states: readonly Float64Array[];
}

/** Back through one step, from d/d next states; adds the weights' part to `sums`. */
type PullStep = (nextStates: readonly Float64Array[], sums: GradientSums) => StepGradient;

/** A row of a cell whose steps can be gone back through. */
export interface DifferentiableCell {
  readonly row: CellRow;
  /** Takes the row's step, its inputs and states being filled in; the way back needs nothing of the row any more. */
  step(masks?: RowMasks): PullStep;
}

/** What one step of a row leaves for the way back: copies. `gates` are the row's trace. */
export interface StepRecord {
  readonly inputs: Float64Array;
  readonly states: readonly Float64Array[];
  readonly gates: readonly Gate[];
}

/** Takes the step and copies the row's arrays. */
export function recordStep(row: CellRow, masks?: RowMasks): StepRecord {
  const inputs = row.inputs.slice();
  const states = row.states.map((state) => state.slice());
  row.step(masks);
  const gates = row.trace.map(({ before, after }) => ({ before: before.slice(), after: after.slice() }));
  return { inputs, states, gates };
}

/** Sums to start from. */
export function zeroSums(program: CellProgram): GradientSums {
  const zeros = (array: { readonly length: number }) => new Float64Array(array.length);
  const { kernel, recurrentKernel, bias } = program;
  return {
    kernel: zeros(kernel),
    recurrentKernel: zeros(recurrentKernel),
    ...(bias && { bias: zeros(bias) }),
    ...(program.kind === 'gru' && program.recurrentBias && { recurrentBias: zeros(program.recurrentBias) }),
    ...(program.kind === 'lstm' && program.peepholes && { peepholes: zeros(program.peepholes) }),
    ...(program.kind === 'lstm' && program.projection && { projection: zeros(program.projection) }),
  };
}

/** sums += values, where there are sums. */
export function addTo(sums: Float64Array | undefined, values: Float64Array): void {
  if (sums) for (let i = 0; i < sums.length; i++) sums[i] += values[i];
}
