import type { Cell } from '../cells/cell-record.ts';
import type { Context } from '../context.ts';
import { cellKey } from '../keys.ts';
import { findOptimizer, type StoredOptimizer } from '../training/optimizer-record.ts';

/** One version of a cell with the optimizer that it had then. */
export interface TrainedCell extends Cell {
  readonly optimizer?: StoredOptimizer;
}

/** Reads both again if a training came in between, so that slots and weights belong together. */
export async function readTrainedCell(
  { store, cells }: Pick<Context, 'store' | 'cells'>,
  id: string,
): Promise<TrainedCell | undefined> {
  for (;;) {
    const cell = await cells.find(id);
    if (!cell) return undefined;
    const optimizer = await findOptimizer({ store }, cell.record);
    if ((await store.get(cellKey(id)))?.revision === cell.revision) return optimizer ? { ...cell, optimizer } : cell;
  }
}
