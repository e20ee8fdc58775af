import type { Change } from '../changes/change.ts';
import type { Context } from '../context.ts';
import { cellKey } from '../keys.ts';
import { deleteOptimizer, readOptimizer } from './optimizers.ts';
import { type Following, type Trained, type TrainingCall, trainCell } from './train-cell.ts';

/** The use cases of training. */
export function trainingServices(context: Context) {
  const { changer } = context;
  return {
    /** Runs trainings of one cell one after another: each starts from the result of the one before. */
    train: <R>(cell: string, call: TrainingCall, change: Change<Trained, R>, following?: Following) =>
      changer.change(cellKey(cell), change, () => trainCell(context, cell, change.expected, call, following)),
    readOptimizer: (cell: string) => readOptimizer(context, cell),
    deleteOptimizer: <R>(cell: string, change: Change<undefined, R>) =>
      changer.change(cellKey(cell), change, () => deleteOptimizer(context, cell, change.expected)),
  };
}
