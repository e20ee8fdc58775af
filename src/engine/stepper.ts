import type { PreparedCell, Stepper } from '../domain/ports.ts';
import type { CellProgram, StepProgram } from '../domain/program.ts';
import { prepareGradients } from './gradients.ts';
import { prepareSequence } from './sequence.ts';
import { prepareStack } from './stack.ts';

/** A Stepper from an engine's way to step one cell: stacks and sequences are the same for every engine. */
export function createStepper(prepareCell: (program: CellProgram) => PreparedCell): Stepper {
  const prepare = (program: StepProgram): PreparedCell =>
    program.kind === 'stack' ? prepareStack(program, prepare) : prepareCell(program);
  return { prepare, prepareSequence: (program) => prepareSequence(program, prepare), prepareGradients };
}
