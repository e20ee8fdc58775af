import { z } from 'zod';
import type { Training } from '../src/domain/ports.ts';

/** Fields of every body that computes. */
export const trainingFields = {
  training: z.boolean().default(false).describe('Apply dropout and recurrent_dropout as in training; needs a seed.'),
  seed: z
    .int()
    .min(0)
    .max(2 ** 53 - 1)
    .optional()
    .describe(
      'Of the dropout masks, which are drawn as Keras draws them: the cells of a composite take seed, seed + 1 …',
    ),
};

interface TrainingFields {
  readonly training: boolean;
  readonly seed?: number;
}

/** A check that training comes with its seed, and a seed with training. */
export function checkTraining({ training, seed }: TrainingFields, context: z.core.$RefinementCtx): void {
  if (training === (seed !== undefined)) return;
  const message = training ? 'training: true needs a seed for its dropout masks.' : 'A seed is for training: true.';
  context.addIssue({ code: 'custom', message, path: ['seed'] });
}

export function trainingOf({ training, seed }: TrainingFields): Training | undefined {
  return training && seed !== undefined ? { seed } : undefined;
}
