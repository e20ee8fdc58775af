import { type AnyLayer, layerWork } from '../domain/layers.ts';
import { cellsOf, layersOf, type Runnable, type Steppable } from '../domain/network.ts';
import type { Precision } from '../domain/ports.ts';
import type { CellProgram } from '../domain/program.ts';
import { type Arithmetic, arithmeticOf, cellArithmetic, layerArithmetic } from './simd/kernel-arithmetic.ts';

/** Nanoseconds of one multiply-add of a step, by what computes it: measured with `npm run bench -- costs`. */
export const STEP_NANOSECONDS: Readonly<Record<Arithmetic, number>> = { float32: 0.1, float64: 0.25, reference: 1.1 };
/** Of one multiply-add of the step whose gradients are taken, forwards and back. */
export const GRADIENT_NANOSECONDS = 8;

/** The same in training, by kernels; what they can't is done by gradients. */
const TRAINING_NANOSECONDS = 0.6;

/** Multiply-adds that a row costs beside its products: activations, copies. */
const ROW_WORK = 2_000;
/** The same of a layer. */
const LAYER_WORK = 500;

/** Nanoseconds that one row of a step may be expected to take. */
export function stepNanoseconds(program: Steppable, precision: Precision): number {
  return nanoseconds(program, evaluation(precision));
}

/** Of one row of one time step of a sequence; without a precision by the reference engine. */
export function sequenceNanoseconds(program: Runnable, precision: Precision | undefined): number {
  return nanoseconds(program, evaluation(precision));
}

/** Of one row of one time step of a layer. */
export function layerNanoseconds(layer: AnyLayer, precision: Precision | undefined): number {
  return (layerWork(layer) + LAYER_WORK) * evaluation(precision).layer(layer);
}

/** Of one row of one time step of a sequence, and of going back through it. */
export function gradientNanoseconds(program: Runnable): number {
  return nanoseconds(program, { cell: () => GRADIENT_NANOSECONDS, layer: () => GRADIENT_NANOSECONDS });
}

/** Of one row of one time step of a batch in training. */
export function trainingNanoseconds(program: Runnable, precision: Precision): number {
  const each = (cell: CellProgram) =>
    arithmeticOf(cellArithmetic(cell), precision) === 'float32' ? TRAINING_NANOSECONDS : GRADIENT_NANOSECONDS;
  return nanoseconds(program, { cell: each, layer: () => GRADIENT_NANOSECONDS });
}

/** Multiply-adds of one row of a step of a cell. */
export function rowWork(cell: CellProgram): number {
  const projection = cell.kind === 'lstm' ? (cell.projection?.length ?? 0) : 0;
  return cell.kernel.length + cell.recurrentKernel.length + projection + ROW_WORK;
}

/** Nanoseconds of a multiply-add of each part of a program. */
interface Rates {
  cell(cell: CellProgram): number;
  layer(layer: AnyLayer): number;
}

function evaluation(precision: Precision | undefined): Rates {
  if (!precision) return { cell: () => STEP_NANOSECONDS.reference, layer: () => STEP_NANOSECONDS.reference };
  return {
    cell: (cell) => STEP_NANOSECONDS[arithmeticOf(cellArithmetic(cell), precision)],
    layer: (layer) => STEP_NANOSECONDS[layerArithmetic(layer, precision)],
  };
}

function nanoseconds(program: Steppable | Runnable, rates: Rates): number {
  const cells = cellsOf(program).reduce((sum, cell) => sum + rowWork(cell) * rates.cell(cell), 0);
  return layersOf(program).reduce((sum, layer) => sum + (layerWork(layer) + LAYER_WORK) * rates.layer(layer), cells);
}
