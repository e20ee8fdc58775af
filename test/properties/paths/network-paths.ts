import { expect } from 'vitest';
import type { NetworkProgram } from '../../../src/domain/network.ts';
import type {
  GradientRequest,
  GradientResult,
  SequenceRequest,
  SequenceResult,
  TrainingRequest,
  TrainingResult,
} from '../../../src/domain/ports.ts';
import type { FloatArray } from '../../../src/domain/tensor.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { expectSame } from '../../engine/kernel-programs.ts';
import { timeSlice } from './paths.ts';

/** From step to step, each a call of its own. */
export function networkSteps(program: NetworkProgram, engine: Engine, request: SequenceRequest): SequenceResult {
  const { batch, time, inputs } = request;
  const width = program.inputWidth;
  const prepared = engine.prepare(program);
  const outputs: FloatArray[] = [];
  let { states } = request;
  for (let t = 0; t < time; t++) {
    const result = prepared.step(timeSlice(inputs, batch, time, width, t, t + 1), states, batch);
    outputs.push(result.output);
    states = result.states;
  }
  const own = outputs[0].length / Math.max(batch, 1);
  const sequence = new (outputs[0].constructor as Float32ArrayConstructor)(batch * time * own);
  for (const [t, output] of outputs.entries())
    for (let row = 0; row < batch; row++)
      sequence.set(output.subarray(row * own, (row + 1) * own), (row * time + t) * own);
  return { sequences: [sequence], last: [outputs[time - 1]], states };
}

/** In two pieces of time, the second from the states that the first has left. */
export function networkPieces(
  program: NetworkProgram,
  engine: Engine,
  request: SequenceRequest,
  cut: number,
): SequenceResult {
  const { batch, time, inputs, mask } = request;
  const prepared = engine.prepareSequence(program);
  const piece = (from: number, to: number, states: readonly FloatArray[]) =>
    prepared.run({
      ...request,
      inputs: timeSlice(inputs, batch, time, program.inputWidth, from, to),
      time: to - from,
      states,
      ...(mask ? { mask: timeSlice(mask, batch, time, 1, from, to) } : {}),
    });
  const first = piece(0, cut, request.states);
  const second = piece(cut, time, first.states);
  const [a, b] = [first.sequences[0], second.sequences[0]];
  const width = b.length / Math.max(batch * (time - cut), 1);
  const sequence = new (b.constructor as Float32ArrayConstructor)(batch * time * width);
  for (let row = 0; row < batch; row++) {
    sequence.set(a.subarray(row * cut * width, (row + 1) * cut * width), row * time * width);
    const rest = (time - cut) * width;
    sequence.set(b.subarray(row * rest, (row + 1) * rest), (row * time + cut) * width);
  }
  return { sequences: [sequence], last: second.last, states: second.states };
}

/** The gradients of the sum of all outputs, or of the last ones. */
export function networkGradients(
  request: SequenceRequest,
  { sequences, last }: SequenceResult,
  returnSequences: boolean,
): GradientRequest {
  const [output] = returnSequences && sequences.length > 0 ? sequences : last;
  const cotangents = [new Float64Array(output.length).map((_, k) => ((k % 7) - 3) / 3)];
  return { ...request, cotangents, returnSequences };
}

/** Training of the same outputs towards numbers that have nothing to do with them. */
export function trainingRequest(
  request: SequenceRequest,
  { sequences, last }: SequenceResult,
  returnSequences: boolean,
  width: number,
): TrainingRequest {
  const [output] = returnSequences && sequences.length > 0 ? sequences : last;
  const values = Float32Array.from(output, (_, k) => Math.sin(k));
  // What is learnt begins with no output before it.
  const { previous: _, ...rest } = request;
  return {
    ...rest,
    returnSequences,
    loss: { className: 'MeanSquaredError', params: {}, reduction: 'sum_over_batch_size' },
    targets: { values, entries: output.length / width, width },
  };
}

type Named = Readonly<Record<string, FloatArray | undefined>>;

const KINDS = ['cells', 'layers', 'statistics', 'squares'] as const;

export function expectSameLearning(got: TrainingResult | GradientResult, wanted: TrainingResult | GradientResult) {
  for (const kind of KINDS) {
    const [own, other] = [got, wanted].map((each) => (each as TrainingResult)[kind] as unknown as readonly Named[]);
    expect(own?.map((each) => Object.keys(each))).toEqual(other?.map((each) => Object.keys(each)));
    for (const [k, each] of (other ?? []).entries()) {
      for (const [name, values] of Object.entries(each)) {
        expectSame(own[k][name]!, values!, `${kind}[${k}].${name}`);
      }
    }
  }
  if ('loss' in wanted) expect((got as TrainingResult).loss).toBe(wanted.loss);
  else {
    expectSame((got as GradientResult).inputs, wanted.inputs, 'inputs');
    for (const [k, state] of wanted.states.entries())
      expectSame((got as GradientResult).states[k], state, `states[${k}]`);
  }
}

/** Within what float32 makes of sums, relative to the largest number of an array. */
export function expectNearLearning(got: TrainingResult, wanted: TrainingResult, bound: number): void {
  expectNear(Float64Array.of(got.loss), Float64Array.of(wanted.loss), bound, 'loss');
  for (const kind of KINDS) {
    for (const [k, each] of ((wanted[kind] ?? []) as unknown as readonly Named[]).entries()) {
      const own = (got[kind] as unknown as readonly Named[])[k];
      expect(Object.keys(own).sort()).toEqual(Object.keys(each).sort());
      for (const [name, values] of Object.entries(each))
        expectNear(own[name]!, values!, bound, `${kind}[${k}].${name}`);
    }
  }
}

/** Within `bound` of the largest number, or of 1; what is not finite is the same. */
export function expectNear(got: FloatArray, wanted: FloatArray, bound: number, what: string): void {
  expect(got.length, what).toBe(wanted.length);
  const most = Array.from(wanted, Math.abs)
    .filter(Number.isFinite)
    .reduce((largest, size) => Math.max(largest, size), 1);
  for (let k = 0; k < wanted.length; k++) {
    if (!(Math.abs(got[k] - wanted[k]) <= bound * most)) expect(got[k], `${what}[${k}]`).toBe(wanted[k]);
  }
}
