import type { CellProgram } from '../../domain/program.ts';
import type { KernelThread } from '../simd/kernel-cell.ts';
import type { PackedCell } from '../simd/packed-cell.ts';
import { layoutOf, writeBlock } from '../simd/packed-cell.ts';
import { inputStride } from '../simd/scratch.ts';
import type { Arena, Room, Rows } from './arena.ts';

type Matrix = Room & Rows;

/** Rows of the inputs' products that are made at once. */
export const AHEAD = 128;

/**
 * Where a run of a cell keeps what its way back needs. All are [step, row], steps in the order of processing; h and c have
 * one step more, the first being the initial states.
 */
export interface RunRoom {
  readonly cell: PackedCell;
  /** Of the packed weights. */
  readonly block: number;
  readonly x: Matrix;
  /** The sums of all gates, which are then what goes into the activations. */
  readonly z: Matrix;
  /** What comes out of them. */
  readonly a: Matrix;
  readonly h: Matrix;
  /** Of an LSTM. */
  readonly c: Matrix;
  /** Of a GRU: the state's products, and r∘h where the reset is before the product. */
  readonly s: Matrix;
  readonly full: Matrix;
  readonly fours: number;
}

/** Room for `time` steps of `batch` rows, with the weights packed into it. */
export function roomForRun(
  thread: Pick<KernelThread, 'memory'>,
  arena: Arena,
  program: CellProgram,
  batch: number,
  time: number,
): RunRoom {
  const cell = layoutOf(program, 'float32');
  const { kind, bytes, sums, gateSums, width, hStride } = cell;
  const block = arena.take(bytes).address;
  for (const _ of writeBlock(program, cell, block, thread.memory.memory));
  const rows = batch * time;
  const [gru, lstm] = [kind === 'gru', kind === 'lstm'];
  const xStride = inputStride(cell);
  return {
    cell,
    block,
    x: arena.takeRows(rows, xStride, false),
    z: arena.takeRows(rows, sums, false),
    a: arena.takeRows(rows, 5 * width, false),
    h: arena.takeRows(rows + batch, hStride),
    c: arena.takeRows(lstm ? rows + batch : 0, width),
    // Each step has all rows' sums, and then those of the candidate.
    s: arena.takeRows(gru ? rows : 0, sums + (cell.candidate ? gateSums : 0), false),
    full: arena.takeRows(cell.candidate ? rows : 0, hStride),
    fours: arena.take(Math.max(batch, AHEAD) * Math.max(xStride, hStride, width)).address,
  };
}
