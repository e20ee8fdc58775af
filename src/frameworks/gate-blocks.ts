import { type CellKind, GATES } from '../domain/program.ts';
import type { FloatArray } from '../domain/tensor.ts';

/** Gates by their canonical names, in the order of their blocks in each framework's arrays. */
export type GateOrder = Readonly<Record<CellKind, readonly string[]>>;

/** PyTorch's n is h, its g is c. torch/nn/modules/rnn.py. */
export const PYTORCH_GATES: GateOrder = {
  simple_rnn: ['h'],
  gru: ['r', 'z', 'h'],
  lstm: ['i', 'f', 'c', 'o'],
};

/** W, R and B of the operators RNN, GRU and LSTM. onnx/defs/rnn/defs.cc. */
export const ONNX_GATES: GateOrder = {
  simple_rnn: ['h'],
  gru: ['z', 'r', 'h'],
  lstm: ['i', 'o', 'f', 'c'],
};

/** LSTM's gates that look at the cell state, as in LstmProgram. */
export const PEEPHOLE_GATES = ['i', 'f', 'o'];
/** P of the operator LSTM. */
export const ONNX_PEEPHOLE_GATES = ['i', 'o', 'f'];

/**
 * The same blocks in another order. `values` are as many equal blocks as `from` has names: rows of a matrix
 * [gates·units, columns], or parts of a vector [gates·units].
 */
export function reorderBlocks<Values extends FloatArray>(
  values: Values,
  from: readonly string[],
  to: readonly string[],
): Values {
  const size = values.length / from.length;
  const reordered = values.slice() as Values;
  for (const [k, gate] of to.entries()) {
    const start = from.indexOf(gate) * size;
    reordered.set(values.subarray(start, start + size), k * size);
  }
  return reordered;
}

/** [rows, columns] → [columns, rows]. */
export function transpose<Values extends FloatArray>(values: Values, rows: number, columns: number): Values {
  const transposed = values.slice() as Values;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) transposed[column * rows + row] = values[row * columns + column];
  }
  return transposed;
}

/**
 * A canonical kernel [columns, gates·units] from a matrix [gates·units, columns] that acts from the left, with its
 * blocks in the order of a framework.
 */
export function canonicalKernel<Values extends FloatArray>(
  matrix: Values,
  columns: number,
  kind: CellKind,
  order: GateOrder,
): Values {
  const rows = columns === 0 ? 0 : matrix.length / columns;
  return transpose(reorderBlocks(matrix, order[kind], GATES[kind]), rows, columns);
}

/** A canonical bias [gates·units] from one with its blocks in the order of a framework. */
export function canonicalBias<Values extends FloatArray>(bias: Values, kind: CellKind, order: GateOrder): Values {
  return reorderBlocks(bias, order[kind], GATES[kind]);
}

/** The inverse of canonicalKernel: [columns, gates·units] → [gates·units, columns]. Gradients come back this way. */
export function frameworkMatrix<Values extends FloatArray>(
  kernel: Values,
  columns: number,
  kind: CellKind,
  order: GateOrder,
): Values {
  const rows = columns === 0 ? 0 : kernel.length / columns;
  return reorderBlocks(transpose(kernel, columns, rows), GATES[kind], order[kind]);
}

/** The inverse of canonicalBias. */
export function frameworkBias<Values extends FloatArray>(bias: Values, kind: CellKind, order: GateOrder): Values {
  return reorderBlocks(bias, GATES[kind], order[kind]);
}

/** a + b as float64, so that the sum of two values of a narrower dtype is not rounded again. */
export function sumBiases(a: FloatArray, b: FloatArray): Float64Array {
  return Float64Array.from(a, (value, i) => value + b[i]);
}
