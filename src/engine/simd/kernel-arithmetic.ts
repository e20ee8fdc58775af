import type { AnyLayer } from '../../domain/layers.ts';
import type { Precision } from '../../domain/ports.ts';
import type { CellArithmetic, CellProgram } from '../../domain/program.ts';
import { kernelActivation } from './kernel-activations.ts';
import { isNormalizing } from './kernel-normalization.ts';
import { isProduct } from './packed-layer.ts';

/**
 * What computes a cell: the kernels in float32, the kernels in float64, whose results are those of the reference engine bit
 * for bit, or the reference engine.
 */
export type Arithmetic = 'float32' | 'float64' | 'reference';

/**
 * Which arithmetic a cell gets for a precision: the only place that decides it.
 *
 * | cell | fast | exact |
 * |---|---|---|
 * | an activation without a kernel (kernel-activations.ts) | reference | reference |
 * | compute dtype float64, float16 or bfloat16 | float64 | float64 |
 * | any other: all kinds, clip, peepholes, projection, input_forget, reset_after both ways | float32 | float64 |
 *
 * Besides, a call in training mode of a cell with dropout goes to the reference engine.
 */
export function arithmeticOf({ computeDtype, activations }: CellArithmetic, precision: Precision): Arithmetic {
  if (!activations.every(kernelActivation)) return 'reference';
  return precision === 'fast' && computeDtype === 'float32' ? 'float32' : 'float64';
}

/** The same for a layer that is not a cell: kernels compute a layer that is one product, formulas all others. */
export function layerArithmetic(layer: AnyLayer, precision: Precision): Arithmetic {
  if (precision === 'fast' && isNormalizing(layer)) return 'float32';
  if (!isProduct(layer)) return 'reference';
  return precision === 'fast' && layer.computeDtype === 'float32' ? 'float32' : 'float64';
}

/** The precision that is got where one is asked for: `fast` if any of the cells is computed in float32. */
export function precisionUsed(cells: readonly CellArithmetic[], precision: Precision): Precision {
  return cells.some((cell) => arithmeticOf(cell, precision) === 'float32') ? 'fast' : 'exact';
}

/** What decides, of a program. */
export function cellArithmetic(program: CellProgram): CellArithmetic {
  const { kind, computeDtype, activation } = program;
  if (kind === 'simple_rnn') return { computeDtype, activations: [activation] };
  const activations = [activation, program.recurrentActivation];
  return { computeDtype, activations: kind === 'lstm' ? [...activations, program.outputActivation] : activations };
}
