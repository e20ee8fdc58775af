import type { CellProgram } from '../domain/program.ts';
import { gruGradient } from './gru-gradient.ts';
import { lstmGradient } from './lstm-gradient.ts';
import { simpleRnnGradient } from './simple-rnn-gradient.ts';
import type { DifferentiableCell } from './step-gradient.ts';

/** @throws {Problem} invalid-config for an activation that a cell can't have. */
export function differentiableCell(program: CellProgram): DifferentiableCell {
  switch (program.kind) {
    case 'simple_rnn':
      return simpleRnnGradient(program);
    case 'gru':
      return gruGradient(program);
    case 'lstm':
      return lstmGradient(program);
  }
}
