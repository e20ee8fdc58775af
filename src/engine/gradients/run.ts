import { differentiableCell } from '../../cells/cell-gradient.ts';
import type { DifferentiableCell } from '../../cells/step-gradient.ts';
import { type RunProgram, stateWidths, stepCells, stepWidth } from '../../domain/program.ts';
import {
  addVectors,
  type Differentiable,
  type Position,
  type RowContext,
  type RowPass,
  type Vectors,
  zeroVectors,
} from './pass.ts';

interface Layer {
  readonly cell: DifferentiableCell;
  /** Index of the cell, and of its first state, in the program. */
  readonly at: Position;
}

/** Cells one above another, over time in one direction: forwards as in run.ts, and back. */
export function differentiableRun(program: RunProgram, start: Position): Differentiable {
  const layers: Layer[] = [];
  let at = start;
  for (const cell of stepCells(program.cell)) {
    layers.push({ cell: differentiableCell(cell), at });
    at = { cell: at.cell + 1, state: at.state + stateWidths(cell).length };
  }
  return { forward: (inputs, context) => runRow(program, layers, inputs, context) };
}

function* runRow(
  program: RunProgram,
  layers: readonly Layer[],
  inputs: Vectors,
  context: RowContext,
): Generator<void, RowPass> {
  const { goBackwards, timeOrder = false } = program;
  const time = inputs.length;
  const zeros = new Float64Array(stepWidth(program.cell));
  const sequence: Float64Array[] = Array(time).fill(zeros);
  const steps: (Step | undefined)[] = [];
  let states: readonly Vectors[] = layers.map(({ cell, at }) =>
    context.states.slice(at.state, at.state + cell.row.states.length),
  );
  const top = layers[layers.length - 1].at.state;
  let last: Float64Array = context.carriesOutput ? context.states[top] : zeros;
  // The k-th step is at time t, and its output comes at place t or k.
  const timeOf = (k: number) => (goBackwards ? time - 1 - k : k);
  const placeOf = (k: number) => (timeOrder ? time - 1 - k : k);
  for (let k = 0; k < time; k++) {
    const step = context.live(timeOf(k)) ? takeStep(layers, inputs[timeOf(k)], states, context) : undefined;
    steps.push(step);
    if (step) ({ states, output: last } = step);
    else if (context.zeroOutputForMask) last = zeros;
    sequence[placeOf(k)] = last;
    yield;
  }

  function* pull(outputGradient: (k: number) => Float64Array): Generator<void, Vectors> {
    const inputGradients = zeroVectors(time, layers[0].cell.row.inputs.length);
    let stateGradients: readonly Vectors[] = layers.map(({ cell }) => cell.row.states.map(zerosLike));
    // Of an output that masked steps repeat.
    let repeated: Float64Array = zeros;
    for (let k = time - 1; k >= 0; k--) {
      const step = steps[k];
      const [gradient] = addVectors([outputGradient(k)], [repeated]);
      repeated = step || context.zeroOutputForMask ? zeros : gradient;
      if (!step) continue;
      const back = step.pull(gradient, stateGradients);
      inputGradients[timeOf(k)] = back.inputs;
      stateGradients = back.states;
      yield;
    }
    if (context.carriesOutput) stateGradients = withOutput(stateGradients, repeated);
    for (const [n, { at }] of layers.entries())
      for (const [k, gradient] of stateGradients[n].entries()) context.stateGradients[at.state + k] = gradient;
    return inputGradients;
  }
  return {
    sequences: [sequence],
    last: [last],
    pullSequences: ([gradients]) => pull((k) => gradients[placeOf(k)]),
    pullLast: ([gradient]) => pull((k) => (k === time - 1 ? gradient : zeros)),
  };
}

interface Step {
  readonly output: Float64Array;
  /** By layer. */
  readonly states: Vectors[];
  pull(output: Float64Array, states: readonly Vectors[]): { inputs: Float64Array; states: Vectors[] };
}

/** One step through all layers. */
function takeStep(
  layers: readonly Layer[],
  inputs: Float64Array,
  states: readonly Vectors[],
  { masks, sums }: RowContext,
): Step {
  let output = inputs;
  const taken = layers.map(({ cell, at }, n) => {
    const { row } = cell;
    row.inputs.set(output);
    for (const [k, state] of states[n].entries()) row.states[k].set(state);
    const pull = cell.step(masks[at.cell]);
    const next = row.nextStates.map((state) => state.slice());
    [output] = next;
    return { next, pull };
  });
  return {
    output,
    states: taken.map(({ next }) => next),
    pull(outputGradient, stateGradients) {
      let gradient = outputGradient;
      const before = [...stateGradients];
      for (let n = layers.length - 1; n >= 0; n--) {
        const [h, ...others] = stateGradients[n];
        const [whole] = addVectors([h], [gradient]);
        const back = taken[n].pull([whole, ...others], sums[layers[n].at.cell]);
        gradient = back.inputs;
        before[n] = back.states;
      }
      return { inputs: gradient, states: before };
    },
  };
}

/** The gradient of an output that was the top layer's h, added to the gradient of h. */
function withOutput(states: readonly Vectors[], output: Float64Array): readonly Vectors[] {
  const top = states.length - 1;
  const [h, ...others] = states[top];
  return states.with(top, [...addVectors([h], [output]), ...others]);
}

function zerosLike(vector: Float64Array): Float64Array {
  return new Float64Array(vector.length);
}
