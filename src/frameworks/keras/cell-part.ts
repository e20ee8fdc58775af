import type { ActivationSpec } from '../../domain/program.ts';
import { cellGradients, cellProgram, cellVariables } from './cell-program.ts';
import type { ParsedStack } from './composite-config.ts';
import type { ParsedCell } from './parse-cell.ts';
import { type Part, stackPart } from './parts.ts';

export type AnyCell = ParsedCell | ParsedStack;

/** The parts of a cell or of a stack of cells. */
export function partOf(cell: AnyCell): Part {
  if (cell.kind === 'stack') return stackPart(cell.cells.map(partOf), cell.policy.computeDtype);
  const { units, policy } = cell;
  const { computeDtype } = policy;
  const stateNames = cell.className === 'LSTMCell' ? ['h', 'c'] : ['h'];
  return {
    stateNames,
    stateWidths: stateNames.map(() => units),
    stateDtypes: stateNames.map(() => computeDtype),
    outputState: 0,
    outputWidth: units,
    outputDtype: computeDtype,
    firstKernel: 'kernel',
    variables: (features) => cellVariables(cell, features),
    program: (features, weights) => cellProgram(cell, features, weights),
    cellCount: 1,
    arithmetics: [{ computeDtype, activations: activationsOf(cell) }],
    dropouts: [cell.dropout],
    gradients: ([gradients]) => cellGradients(cell, gradients),
  };
}

function activationsOf({ activation, recurrentActivation = activation }: ParsedCell): ActivationSpec[] {
  return [activation, recurrentActivation];
}
