import type { CellProgram, RunProgram, SequenceProgram, StepProgram } from '../domain/program.ts';
import type { PackedCell } from './packed-cell.ts';

/** Packed weights in the memory that threads share. */
export interface PackedAt {
  readonly cell: PackedCell;
  readonly address: number;
}

/** A cell as another thread gets it: its weights by their place in the shared memory, its arrays empty. */
export type SharedCell = CellProgram & { readonly packed: PackedAt };

/** The same program with each of its cells replaced. */
export function mapCells<P extends StepProgram | SequenceProgram>(
  program: P,
  change: (cell: CellProgram) => CellProgram,
): P;
export function mapCells(
  program: StepProgram | SequenceProgram,
  change: (cell: CellProgram) => CellProgram,
): StepProgram | SequenceProgram {
  const run = (direction: RunProgram): RunProgram => ({ ...direction, cell: mapCells(direction.cell, change) });
  switch (program.kind) {
    case 'run':
      return run(program);
    case 'stack':
      return { ...program, cells: program.cells.map((cell) => mapCells(cell, change)) };
    case 'chain':
      return { ...program, layers: program.layers.map((layer) => mapCells(layer, change)) };
    case 'bidirectional':
      return { ...program, forward: run(program.forward), backward: run(program.backward) };
    default:
      return change(program);
  }
}

/** A cell without its weights; of a projection, which tells the width of the state, the length stays. */
export function withoutArrays(cell: CellProgram): CellProgram {
  const fields = Object.entries(cell).map(([name, value]) => {
    if (!(value instanceof Float32Array || value instanceof Float64Array)) return [name, value];
    return [name, new Float32Array(new SharedArrayBuffer(name === 'projection' ? value.length * 4 : 0))];
  });
  return Object.fromEntries(fields) as CellProgram;
}
