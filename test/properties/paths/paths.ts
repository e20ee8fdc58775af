import { expect } from 'vitest';
import type {
  GradientRequest,
  GradientResult,
  Precision,
  SequenceRequest,
  SequenceResult,
} from '../../../src/domain/ports.ts';
import { type RunProgram, type SequenceProgram, sequenceCells } from '../../../src/domain/program.ts';
import type { FloatArray } from '../../../src/domain/tensor.ts';
import { convert } from '../../../src/engine/convert.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { prepareLayerRun } from '../../../src/engine/layer-run.ts';
import { inPieces as inPiecesOf } from '../../../src/engine/pieces.ts';
import { prepareStepwiseRun } from '../../../src/engine/run.ts';
import { joinSequences, sequenceRows } from '../../../src/engine/split-rows.ts';
import { expectSame, expectSameRun } from '../../engine/kernel-programs.ts';
import { outputWidths } from './programs.ts';

/** Step by step, each step as a call of its own. */
export function stepwise(program: RunProgram, engine: Engine, request: SequenceRequest): SequenceResult {
  return prepareLayerRun(program, (inner) => inPiecesOf(inner, prepareStepwiseRun(inner, engine.prepare), 0)).run(
    request,
  );
}

/** Cut into pieces of time, each from the states and the output that the one before it has left. */
export function inPieces(
  program: RunProgram,
  engine: Engine,
  request: SequenceRequest,
  cuts: readonly number[],
): SequenceResult {
  const { batch, time, inputs, mask } = request;
  const { goBackwards, timeOrder = false } = program;
  const [width] = outputWidths(program);
  const features = batch * time > 0 ? inputs.length / (batch * time) : 0;
  const prepared = engine.prepareSequence(program);
  let { states, previous } = request;
  let sequence: FloatArray | undefined;
  let last: FloatArray | undefined;
  for (const [k, from] of cuts.entries()) {
    const to = cuts[k + 1] ?? time;
    // The steps from `from` to `to` are these times, and their outputs come at those places.
    const [first, end] = goBackwards ? [time - to, time - from] : [from, to];
    const [place] = timeOrder ? [time - to] : [from];
    const piece = prepared.run({
      ...request,
      inputs: timeSlice(inputs, batch, time, features, first, end),
      time: end - first,
      states,
      previous,
      ...(mask ? { mask: timeSlice(mask, batch, time, 1, first, end) } : {}),
    });
    [previous] = piece.last;
    last = previous;
    states = piece.states;
    sequence ??= new (piece.sequences[0].constructor as Float32ArrayConstructor)(batch * time * width);
    for (let row = 0; row < batch; row++) {
      const own = piece.sequences[0].subarray(row * (to - from) * width, (row + 1) * (to - from) * width);
      sequence.set(own, (row * time + place) * width);
    }
  }
  return { sequences: sequence ? [sequence] : [], last: last ? [last] : [], states };
}

export function timeSlice<A extends FloatArray | Uint8Array>(
  all: A,
  batch: number,
  time: number,
  width: number,
  from: number,
  to: number,
): A {
  const part = new (all.constructor as new (length: number) => A)(batch * (to - from) * width);
  for (let row = 0; row < batch; row++) {
    const start = row * time * width;
    part.set(all.subarray(start + from * width, start + to * width), row * (to - from) * width);
  }
  return part;
}

/** Its rows in groups, each as a request of its own. */
export function inGroups(
  run: (request: SequenceRequest) => SequenceResult,
  request: SequenceRequest,
  cuts: readonly number[],
): SequenceResult {
  return joinSequences(cuts.map((from, k) => run(sequenceRows(request, from, cuts[k + 1] ?? request.batch))));
}

/** The same results, traces included. */
export function expectSameResult(got: SequenceResult, wanted: SequenceResult): void {
  expectSameRun(got, wanted);
  for (const name of ['sequences', 'last', 'states'] as const) {
    expect(got[name].map((array) => array.constructor)).toEqual(wanted[name].map((array) => array.constructor));
  }
  const names = ({ trace = [] }: SequenceResult) => trace.map(({ name, width, dtype }) => [name, width, dtype]);
  expect(names(got)).toEqual(names(wanted));
  for (const [k, { name, before, after }] of (wanted.trace ?? []).entries()) {
    expectSame(got.trace![k].before, before, `${name} before`);
    expectSame(got.trace![k].after, after, `${name} after`);
  }
}

/** A request for gradients of the sum of all outputs. */
export function gradientRequest(
  program: SequenceProgram,
  request: SequenceRequest,
  returnSequences: boolean,
): GradientRequest {
  const { batch, time } = request;
  const cotangents = outputWidths(program).map((width) =>
    new Float64Array(batch * (returnSequences ? time : 1) * width).fill(1),
  );
  return { ...request, cotangents, returnSequences };
}

export function expectSameGradients(got: GradientResult, wanted: GradientResult): void {
  expectSame(got.inputs, wanted.inputs, 'inputs');
  for (const [k, state] of wanted.states.entries()) expectSame(got.states[k], state, `states[${k}]`);
  for (const [k, cell] of wanted.cells.entries()) {
    for (const [name, values] of Object.entries(cell)) {
      expectSame(got.cells[k][name as 'kernel'], values, `cells[${k}].${name}`);
    }
  }
}

/** The first step of a run: what its cell takes. */
export function firstStep(
  { cell, computeDtype, goBackwards }: RunProgram,
  { inputs, batch, time }: SequenceRequest,
): FloatArray {
  const features = inputs.length / (batch * time);
  const at = goBackwards ? time - 1 : 0;
  const own = timeSlice(inputs, batch, time, features, at, at + 1);
  return convert(convert(own, computeDtype), cell.computeDtype);
}

/**
 * How far the fast engine may be from the exact one in a step: as far as float32 sums of terms that are at most 2 in size.
 * Softmax and thresholds amplify it, and are left out.
 */
export function expectWithinBound(fast: FloatArray, exact: FloatArray, what: string): void {
  for (let i = 0; i < exact.length; i++) {
    const most = 4e-5 * Math.max(1, Math.abs(exact[i]));
    const near = Math.abs(fast[i] - exact[i]) <= most || Object.is(fast[i], exact[i]);
    if (!near) expect(fast[i], `${what}[${i}]`).toBeCloseTo(exact[i], 5);
  }
}

export const PRECISIONS: readonly Precision[] = ['fast', 'exact'];

/** Whether results differ by nothing but rounding: no activation with a jump, no number that is not finite. */
export function isSmooth(program: SequenceProgram, request: SequenceRequest): boolean {
  const finite = [request.inputs, ...request.states].every((array) => array.every((value) => Math.abs(value) < 10));
  const jumps = /"(thresholded_relu|softmax)"|"threshold":0\.5/;
  const text = JSON.stringify(program, (_, value) => (ArrayBuffer.isView(value) ? undefined : value));
  return finite && !jumps.test(text) && sequenceCells(program).every((cell) => cell.computeDtype === 'float32');
}
