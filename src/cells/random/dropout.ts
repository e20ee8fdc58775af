import type { Training } from '../../domain/ports.ts';
import { type CellProgram, GATES, stepWidth } from '../../domain/program.ts';
import { allocate, type Dtype, type FloatArray, rounder } from '../../domain/tensor.ts';
import { hasDropout } from '../../domain/training.ts';
import type { RowMasks } from '../cell-row.ts';
import { philoxStream } from './philox.ts';
import { uniform } from './random.ts';

/**
 * The masks of one call, used at all its time steps: `inputs` [batch, features] and `recurrent` [batch, state width]
 * each. No mask, one for all gates, or one for each gate in the order of GATES.
 */
export interface DropoutMasks {
  readonly inputs: readonly Float64Array[];
  readonly recurrent: readonly Float64Array[];
}

/**
 * The masks that Keras draws on TensorFlow's CPU from a cell's seed, bit for bit (keras/src/layers/rnn/
 * dropout_rnn_cell.py): uniform(shape, [seed, n]) ≥ rate ? 1/(1 - rate) : 0 in the compute dtype, the n-th draw being
 * first those for the inputs, then those for the state. SimpleRNN draws one each. GRU and LSTM draw one for the inputs,
 * or one for each gate where there is recurrent dropout (Keras' implementation 1), and then one for each gate for the
 * state. A rate of 1 draws nothing: SimpleRNN masks all with 0; GRU and LSTM take no notice of it.
 */
export function drawDropoutMasks(program: CellProgram, batch: number, seed: number): DropoutMasks {
  const { inputs, recurrent } = program.dropout ?? { inputs: 0, recurrent: 0 };
  const perGate = program.kind !== 'simple_rnn' && recurrent > 0;
  const count = perGate ? GATES[program.kind].length : 1;
  let draws = 0;
  const draw = (rate: number, width: number): Float64Array[] => {
    if (rate === 0 || (rate === 1 && program.kind !== 'simple_rnn')) return [];
    if (rate === 1) return [new Float64Array(batch * width)];
    return Array.from({ length: count }, () => drawMask(rate, batch * width, program.computeDtype, seed, draws++));
  };
  return { inputs: draw(inputs, program.features), recurrent: draw(recurrent, stepWidth(program)) };
}

/** The masks of row n of the batch. */
export function rowMasks(program: CellProgram, { inputs, recurrent }: DropoutMasks, n: number): RowMasks {
  const row = (width: number) => (mask: Float64Array) => mask.subarray(n * width, (n + 1) * width);
  return { inputs: inputs.map(row(program.features)), recurrent: recurrent.map(row(stepWidth(program))) };
}

/**
 * The masks of each row for the calls of one cell, or undefined where the cell has no dropout. The last call's are
 * remembered, as all steps of a sequence ask for the same.
 */
export function dropoutRows(
  program: CellProgram,
): (batch: number, training?: Training) => readonly RowMasks[] | undefined {
  const { dropout } = program;
  if (!dropout || !hasDropout(dropout)) return () => undefined;
  let last: { batch: number; seed: number; rows: readonly RowMasks[] } | undefined;
  return (batch, { seed = dropout.seed } = {}) => {
    if (seed === undefined) throw new TypeError('training has no seed');
    if (last?.batch !== batch || last.seed !== seed) {
      const masks = drawDropoutMasks(program, batch, seed);
      last = { batch, seed, rows: Array.from({ length: batch }, (_, n) => rowMasks(program, masks, n)) };
    }
    return last.rows;
  };
}

/** What each number is multiplied by: 0, or 1/(1 - rate). It is the n-th draw from the seed. */
export function drawMask(rate: number, size: number, dtype: Dtype, seed: number, n: number): Float64Array {
  const round = rounder(dtype);
  const least = round(rate);
  const scale = round(1 / (1 - rate));
  const drawn = allocate(dtype, size) as FloatArray;
  uniform(philoxStream(seed, n), dtype, drawn);
  return Float64Array.from(drawn, (value) => (value >= least ? scale : 0));
}
