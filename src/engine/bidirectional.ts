import type { SequenceResult } from '../domain/ports.ts';
import {
  type BidirectionalProgram,
  type MergeMode,
  type RunProgram,
  stateWidths,
  stepCells,
} from '../domain/program.ts';
import { allocate, type Dtype, type FloatArray, rounder } from '../domain/tensor.ts';
import { trainingAfter } from '../domain/training.ts';
import { convert } from './convert.ts';
import { type SlicedSequence, sliced } from './sliced.ts';

/**
 * A forward and a backward run over the same inputs. The backward one's outputs are put back in time order before they are
 * rounded to the layer's dtype and merged; its last output is that after time 0. States: forward's, then backward's, each of
 * the dtype of its cell. Keras Bidirectional.call.
 */
export function prepareBidirectional(
  program: BidirectionalProgram,
  prepareRun: (program: RunProgram) => SlicedSequence,
): SlicedSequence {
  const { merge, computeDtype } = program;
  const forward = prepareRun(program.forward);
  const backward = prepareRun({ ...program.backward, timeOrder: true });
  const count = stateWidths(program.forward.cell).length;
  const cells = stepCells(program.forward.cell).length;
  return sliced(function* (request) {
    const { training, inputs } = request;
    const ahead = yield* forward.slices({
      ...request,
      inputs: convert(inputs, program.forward.computeDtype),
      states: request.states.slice(0, count),
    });
    const back = yield* backward.slices({
      ...request,
      inputs: convert(inputs, program.backward.computeDtype),
      states: request.states.slice(count),
      training: trainingAfter(training, cells),
    });
    const join = (a: FloatArray, b: FloatArray, rows: number) => {
      const [first, second] = [convert(a, computeDtype), convert(b, computeDtype)];
      return merge === null ? [first, second] : [mergePair(merge, first, second, rows, computeDtype)];
    };
    const named = (side: string, { trace = [] }: SequenceResult) =>
      trace.map((gate) => ({ ...gate, name: `${side}_layer.${gate.name}` }));
    return {
      sequences: join(ahead.sequences[0], back.sequences[0], request.batch * request.time),
      last: join(ahead.last[0], back.last[0], request.batch),
      states: [...ahead.states, ...back.states],
      ...(request.trace ? { trace: [...named('forward', ahead), ...named('backward', back)] } : {}),
    };
  });
}

const MERGE: Readonly<Record<Exclude<MergeMode, 'concat'>, (a: number, b: number) => number>> = {
  sum: (a, b) => a + b,
  ave: (a, b) => (a + b) / 2,
  mul: (a, b) => a * b,
};

function mergePair(mode: MergeMode, a: FloatArray, b: FloatArray, rows: number, dtype: Dtype): FloatArray {
  if (mode === 'concat') {
    const [left, right] = [a.length / Math.max(rows, 1), b.length / Math.max(rows, 1)];
    const both = allocate(dtype, a.length + b.length) as FloatArray;
    for (let row = 0; row < rows; row++) {
      both.set(a.subarray(row * left, (row + 1) * left), row * (left + right));
      both.set(b.subarray(row * right, (row + 1) * right), row * (left + right) + left);
    }
    return both;
  }
  const [round, apply] = [rounder(dtype), MERGE[mode]];
  const merged = allocate(dtype, a.length) as FloatArray;
  for (let i = 0; i < a.length; i++) merged[i] = round(apply(a[i], b[i]));
  return merged;
}
