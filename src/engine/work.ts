import type { Precision } from '../domain/ports.ts';
import { type SequenceProgram, type StepProgram, sequenceCells, stepCells } from '../domain/program.ts';

/** Nanoseconds of one multiply-add of a step, by precision: measured with bench/suites/thread-threshold.ts. */
export const STEP_NANOSECONDS: Readonly<Record<Precision, number>> = { fast: 1.1, exact: 1.1 };
/** Of one multiply-add of the step whose gradients are taken, forwards and back. */
export const GRADIENT_NANOSECONDS = 6;

/** Multiply-adds that a row costs beside its products: activations, copies. */
const ROW_WORK = 2_000;

/** Multiply-adds of one row of a step. */
export function rowWork(program: StepProgram): number {
  return workOf(stepCells(program));
}

/** Multiply-adds of one row of one time step of a sequence. */
export function sequenceRowWork(program: SequenceProgram): number {
  return workOf(sequenceCells(program));
}

function workOf(cells: ReturnType<typeof stepCells>): number {
  return cells.reduce((sum, cell) => {
    const projection = cell.kind === 'lstm' ? (cell.projection?.length ?? 0) : 0;
    return sum + cell.kernel.length + cell.recurrentKernel.length + projection + ROW_WORK;
  }, 0);
}
