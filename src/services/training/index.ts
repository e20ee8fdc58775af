import type { Change } from '../changes/change.ts';
import type { Context } from '../context.ts';
import { cellKey } from '../keys.ts';
import { deleteOptimizer, readOptimizer } from './optimizers.ts';
import type { Following, Trained, TrainingCall } from './train-cell.ts';

/** The use cases of training. What trains is loaded by the first training. */
export function trainingServices(context: Context) {
  const { changer } = context;
  return {
    /** Runs trainings of one cell one after another: each starts from the result of the one before. */
    train: <R>(cell: string, call: TrainingCall, change: Change<Trained, R>, following?: Following) =>
      changer.change(cellKey(cell), change, async () => {
        const { trainCell } = await import('./train-cell.ts');
        return trainCell(context, cell, change.expected, call, following);
      }),
    readOptimizer: (cell: string) => readOptimizer(context, cell),
    deleteOptimizer: <R>(cell: string, change: Change<undefined, R>) =>
      changer.change(cellKey(cell), change, () => deleteOptimizer(context, cell, change.expected)),
  };
}
