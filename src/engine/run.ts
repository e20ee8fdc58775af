import type { GateTrace, PreparedCell, PreparedSequence, SequenceRequest, SequenceResult } from '../domain/ports.ts';
import { type RunProgram, type StepProgram, stateWidths, stepDtype, stepWidth } from '../domain/program.ts';
import { allocate, type FloatArray } from '../domain/tensor.ts';

/**
 * A cell over time in one direction. Where the mask is false the states stay and the output is that of the step before
 * (zeros at first), or zeros with `zeroOutputForMask`. All in the cell's own dtypes: see layer-run.ts. Keras
 * backend/tensorflow/rnn.py.
 */
export function prepareStepwiseRun(
  program: RunProgram,
  prepareStep: (cell: StepProgram) => PreparedCell,
): PreparedSequence {
  const { cell, goBackwards, timeOrder = false } = program;
  const dtype = stepDtype(cell);
  const prepared = prepareStep(cell);
  const width = stepWidth(cell);
  const widths = stateWidths(cell);
  return {
    run({
      inputs,
      batch,
      time,
      states,
      mask,
      zeroOutputForMask,
      previous,
      trace,
      training,
    }: SequenceRequest): SequenceResult {
      const features = batch * time > 0 ? inputs.length / (batch * time) : 0;
      const sequence = allocate(dtype, batch * time * width) as FloatArray;
      const gates = new Map<string, GateTrace>();
      const [xs, outs] = [
        { batch, time, width: features },
        { batch, time, width },
      ];
      let carried = states;
      let last = previous ?? (allocate(dtype, batch * width) as FloatArray);
      for (let k = 0; k < time; k++) {
        const t = goBackwards ? time - 1 - k : k;
        const at = timeOrder ? time - 1 - k : k;
        const x = takeTime(inputs, xs, t);
        const result = prepared.step(x, carried, batch, { trace, training });
        const live = (row: number) => mask?.[row * time + t] !== 0;
        const held = zeroOutputForMask ? (allocate(dtype, batch * width) as FloatArray) : last;
        last = choose(live, result.output, held, batch, width);
        carried = result.states.map((state, i) => choose(live, state, carried[i], batch, widths[i]));
        putTime(sequence, last, outs, at);
        for (const gate of result.trace ?? []) keepGate(gates, gate, outs, at);
      }
      return {
        sequences: [sequence],
        last: [last],
        states: carried,
        ...(trace ? { trace: [...gates.values()] } : {}),
      };
    },
  };
}

/** Row by row, what is new where the row is live, else what was. */
function choose(
  live: (row: number) => boolean,
  next: FloatArray,
  held: FloatArray,
  batch: number,
  width: number,
): FloatArray {
  let mixed: FloatArray | undefined;
  for (let row = 0; row < batch; row++) {
    if (live(row)) continue;
    mixed ??= next.slice();
    mixed.set(held.subarray(row * width, (row + 1) * width), row * width);
  }
  return mixed ?? next;
}

function keepGate(
  gates: Map<string, GateTrace>,
  { name, dtype, width, before, after }: GateTrace,
  { batch, time }: Extents,
  t: number,
): void {
  const extents = { batch, time, width };
  const room = () => allocate(dtype, batch * time * width) as FloatArray;
  const gate = gates.get(name) ?? { name, dtype, width, before: room(), after: room() };
  gates.set(name, gate);
  putTime(gate.before, before, extents, t);
  putTime(gate.after, after, extents, t);
}

/** Of a sequence [batch, time, width]. */
interface Extents {
  readonly batch: number;
  readonly time: number;
  readonly width: number;
}

/** all[:, t, :] as [batch, width]. */
function takeTime(all: FloatArray, { batch, time, width }: Extents, t: number): FloatArray {
  if (time === 1) return all;
  const step = all.slice(0, batch * width);
  for (let row = 0; row < batch; row++) {
    const start = (row * time + t) * width;
    step.set(all.subarray(start, start + width), row * width);
  }
  return step;
}

/** all[:, t, :] = step. */
function putTime(all: FloatArray, step: FloatArray, { batch, time, width }: Extents, t: number): void {
  for (let row = 0; row < batch; row++) {
    all.set(step.subarray(row * width, (row + 1) * width), (row * time + t) * width);
  }
}
