import { z } from 'zod';
import type { Training } from '../src/domain/ports.ts';

/** Fields of every body that computes. */
export const trainingFields = {
  training: z
    .boolean()
    .default(false)
    .describe('Apply dropout and recurrent_dropout as in training. This needs a seed, here or in the config.'),
  seed: z
    .int()
    .min(0)
    .max(2 ** 53 - 1)
    .optional()
    .describe(
      'Seed of the dropout masks, which are drawn as in Keras. The cells of a composite take seed, seed + 1 …. If no seed is sent, each takes the seed of its own config.',
    ),
};

interface TrainingFields {
  readonly training: boolean;
  readonly seed?: number;
}

/** A check that a seed comes with training. */
export function checkTraining({ training, seed }: TrainingFields, context: z.core.$RefinementCtx): void {
  if (training || seed === undefined) return;
  context.addIssue({
    code: 'custom',
    message: 'A seed needs training: true. Send both, or leave the seed out.',
    path: ['seed'],
  });
}

export function trainingOf({ training, seed }: TrainingFields): Training | undefined {
  return training ? { seed } : undefined;
}
