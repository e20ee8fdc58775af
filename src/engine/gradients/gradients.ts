import { dropoutRows } from '../../cells/random/dropout.ts';
import { type GradientSums, zeroSums } from '../../cells/step-gradient.ts';
import type { CellGradients, GradientRequest, GradientResult } from '../../domain/ports.ts';
import { type SequenceProgram, sequenceCells, stateDtypes } from '../../domain/program.ts';
import { allocate, type Dtype, type FloatArray, rounder } from '../../domain/tensor.ts';
import { trainingAfter } from '../../domain/training.ts';
import { type Sliced, sliced } from '../sliced.ts';
import type { RowContext, RowPass, Vectors } from './pass.ts';
import { differentiableProgram } from './program.ts';

/**
 * Gradients of a loss with respect to inputs, initial states and weights, by reverse accumulation through time. Each row
 * of the batch goes forwards and back on its own in float64, its states unrounded; results are rounded once to the
 * dtype of what they are for. The weights' gradients are the sums over the rows, in the order of the batch.
 * @throws {Problem} invalid-config for an activation that a cell can't have.
 */
export function prepareGradients(program: SequenceProgram): Sliced<GradientRequest, GradientResult> {
  const differentiable = differentiableProgram(program, { cell: 0, state: 0 });
  const cells = sequenceCells(program);
  const masksOf = cells.map(dropoutRows);
  const dtypes = stateDtypes(program);
  return sliced(function* (request) {
    const { batch, time, inputs, states, mask, training, zeroOutputForMask } = request;
    const sums = cells.map(zeroSums);
    const masks = masksOf.map((draw, k) => training && draw(batch, trainingAfter(training, k)));
    const inputGradients: Float64Array[] = [];
    const stateGradients: Float64Array[][] = states.map(() => []);
    for (let n = 0; n < batch; n++) {
      const context: RowContext = {
        states: states.map((state) => rowOf(state, n, 1, batch)[0]),
        masks: masks.map((rows) => rows?.[n]),
        sums,
        live: (t) => mask?.[n * time + t] !== 0,
        zeroOutputForMask,
        stateGradients: [],
      };
      const pass = yield* differentiable.forward(rowOf(inputs, n, time, batch), context);
      for (const gradient of yield* pullRow(pass, request, n)) inputGradients.push(gradient);
      for (const [k, gradients] of stateGradients.entries()) gradients.push(context.stateGradients[k]);
    }
    return {
      inputs: gather(inputGradients, program.computeDtype),
      states: stateGradients.map((rows, k) => gather(rows, dtypes[k])),
      cells: sums.map((sum, k) => roundSums(sum, cells[k].computeDtype)),
    };
  });
}

/** The gradients of one row's inputs from the request's cotangents. */
function pullRow(
  pass: RowPass,
  { cotangents, returnSequences, batch, time }: GradientRequest,
  n: number,
): Generator<void, Vectors> {
  if (returnSequences) return pass.pullSequences(cotangents.map((each) => rowOf(each, n, time, batch)));
  return pass.pullLast(cotangents.map((each) => rowOf(each, n, 1, batch)[0]));
}

/** Row n of [batch, count, width] as `count` vectors. */
function rowOf(values: FloatArray, n: number, count: number, batch: number): Float64Array[] {
  const width = count > 0 ? values.length / (batch * count) : 0;
  return Array.from({ length: count }, (_, k) => {
    const start = (n * count + k) * width;
    return Float64Array.from(values.subarray(start, start + width));
  });
}

/** The vectors one after another, rounded. */
export function gather(vectors: readonly FloatArray[], dtype: Dtype): FloatArray {
  const round = rounder(dtype);
  const size = vectors.reduce((sum, vector) => sum + vector.length, 0);
  const all = allocate(dtype, size) as FloatArray;
  let at = 0;
  // Typed arrays round to float32 by themselves.
  const own = dtype === 'float32' || dtype === 'float64';
  for (const vector of vectors) {
    if (own) all.set(vector, at);
    else for (let i = 0; i < vector.length; i++) all[at + i] = round(vector[i]);
    at += vector.length;
  }
  return all;
}

export function roundSums(sums: GradientSums, dtype: Dtype): CellGradients {
  const rounded = Object.entries(sums).map(([name, sum]) => [name, gather([sum], dtype)]);
  return Object.fromEntries(rounded) as unknown as CellGradients;
}
