import type { AnyLayer } from '../../domain/layers.ts';
import type { NetworkNode, Runnable, Steppable } from '../../domain/network.ts';
import type { CellProgram, RunProgram } from '../../domain/program.ts';
import type { PackedCell } from './packed-cell.ts';
import type { PackedLayer } from './packed-layer.ts';

/** Packed weights in the memory that threads share. */
export interface PackedAt {
  readonly cell: PackedCell;
  readonly address: number;
}

/** A layer as another thread gets it: its weights by their place in the shared memory. */
export type SharedLayer = AnyLayer & { readonly packed: { readonly layer: PackedLayer; readonly address: number } };

/** A cell as another thread gets it: its weights by their place in the shared memory, its arrays empty. */
export type SharedCell = CellProgram & { readonly packed: PackedAt };

/** What to make of the parts of a program. */
export interface PartChange {
  cell(cell: CellProgram): CellProgram;
  layer(layer: AnyLayer): AnyLayer;
}

/** The same program with each of its cells and layers replaced. */
export function mapParts<P extends Steppable | Runnable>(program: P, change: PartChange): P;
export function mapParts(program: Steppable | Runnable, change: PartChange): Steppable | Runnable {
  const run = (direction: RunProgram): RunProgram => ({ ...direction, cell: mapParts(direction.cell, change) });
  const node = ({ work, ...rest }: NetworkNode): NetworkNode =>
    work.kind === 'layer'
      ? { ...rest, work: { ...work, layer: change.layer(work.layer) } }
      : { ...rest, work: { ...work, sequence: mapParts(work.sequence, change) } };
  switch (program.kind) {
    case 'run':
      return run(program);
    case 'stack':
      return { ...program, cells: program.cells.map((cell) => mapParts(cell, change)) };
    case 'chain':
      return { ...program, layers: program.layers.map((layer) => mapParts(layer, change)) };
    case 'bidirectional':
      return { ...program, forward: run(program.forward), backward: run(program.backward) };
    case 'network':
      return { ...program, nodes: program.nodes.map(node) };
    default:
      return change.cell(program);
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
