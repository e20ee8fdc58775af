import type { PreparedCell, PreparedGradients, PreparedSequence } from '../domain/ports.ts';
import type { CellProgram, SequenceProgram, StepProgram } from '../domain/program.ts';
import { prepareGradients } from './gradients.ts';
import { prepareSequence } from './sequence.ts';
import { prepareStack } from './stack.ts';

/** A way to compute, at once and on the thread that calls it. */
export interface Engine {
  prepare(program: StepProgram): PreparedCell;
  prepareSequence(program: SequenceProgram): PreparedSequence;
  prepareGradients(program: SequenceProgram): PreparedGradients;
}

/** An engine from its way to step one cell: stacks and sequences are the same for every engine. */
export function createEngine(prepareCell: (program: CellProgram) => PreparedCell): Engine {
  const prepare = (program: StepProgram): PreparedCell =>
    program.kind === 'stack' ? prepareStack(program, prepare) : prepareCell(program);
  return { prepare, prepareSequence: (program) => prepareSequence(program, prepare), prepareGradients };
}
