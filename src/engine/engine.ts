import type { PreparedCell, PreparedGradients, PreparedSequence } from '../domain/ports.ts';
import type { CellProgram, RunProgram, SequenceProgram, StepProgram } from '../domain/program.ts';
import { prepareGradients } from './gradients.ts';
import type { KernelThread } from './kernel-cell.ts';
import { prepareLayerRun } from './layer-run.ts';
import { prepareStepwiseRun } from './run.ts';
import { prepareSequence } from './sequence.ts';
import { prepareStack } from './stack.ts';
import { trainedPart } from './training/parts.ts';
import { type PreparedTraining, prepareTraining } from './training/train.ts';

/** A way to compute, at once and on the thread that calls it. */
export interface Engine {
  /**
   * Gets large weights ready in small pieces, between which the event loop has its turns: else the first call does it in
   * one. Undefined where there is nothing to do.
   */
  ready?(cells: readonly CellProgram[]): Promise<void> | undefined;
  prepare(program: StepProgram): PreparedCell;
  prepareSequence(program: SequenceProgram): PreparedSequence;
  prepareGradients(program: SequenceProgram): PreparedGradients;
  prepareTraining(program: SequenceProgram): PreparedTraining;
}

/**
 * An engine from its way to step one cell: stacks and sequences are the same for every engine. `prepareRun` may bring another
 * way to run a cell over time, with the same results; it leaves out (undefined) the runs that it can't. With a
 * `thread` training is done by its kernels where they can, else by gradients in float64.
 */
export function createEngine(
  prepareCell: (program: CellProgram) => PreparedCell,
  prepareRun: (program: RunProgram) => PreparedSequence | undefined = () => undefined,
  thread?: KernelThread,
): Engine {
  const prepare = (program: StepProgram): PreparedCell =>
    program.kind === 'stack' ? prepareStack(program, prepare) : prepareCell(program);
  const runCell = (program: RunProgram) => prepareRun(program) ?? prepareStepwiseRun(program, prepare);
  const run = (program: RunProgram) => prepareLayerRun(program, runCell);
  const exact = { prepareSequence: (program: SequenceProgram) => prepareSequence(program, run), prepareGradients };
  return {
    prepare,
    ...exact,
    prepareTraining: (program) => prepareTraining(thread?.memory, trainedPart({ thread, exact }, program)),
  };
}
