import type { TrainingRequest, TrainingResult } from '../../domain/ports.ts';
import { activityCost } from '../../training/activity.ts';
import { lossOf } from '../../training/loss.ts';
import type { SharedMemory } from '../simd/shared-memory.ts';
import { Arena } from './arena.ts';
import type { TrainedPart } from './part.ts';

/** One version of a cell, ready for training: the loss of a batch and its gradients. Yields now and then. */
export interface PreparedTraining {
  run(request: TrainingRequest): Generator<void, TrainingResult>;
}

export function prepareTraining(memory: SharedMemory | undefined, part: TrainedPart): PreparedTraining {
  return {
    *run({ loss: spec, targets, activity, ...request }) {
      const arena = new Arena(memory);
      try {
        const pass = yield* part({ ...request, arena });
        const [output] = pass.outputs;
        const { loss: own, gradient } = lossOf(spec, targets, output, pass.mask);
        const cost = activity && activityCost(activity, output, request.batch);
        const loss = own + (cost?.cost ?? 0) + (pass.activity ?? 0);
        cost?.gradient.forEach((value, i) => {
          gradient[i] += value;
        });
        yield;
        // What is not finite has no gradients that anyone could use.
        if (!Number.isFinite(loss)) return { loss, cells: [] };
        const { cells, layers, statistics, squares } = yield* pass.pull([gradient]);
        return { loss, cells, layers, statistics, squares };
      } finally {
        arena.end();
      }
    },
  };
}
