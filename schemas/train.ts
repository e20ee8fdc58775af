import { z } from 'zod';
import type { Json } from '../src/domain/json.ts';
import { shape, timestamp, version } from './common.ts';
import { dtype, optional, scalarReply, statesInput, tensorInput, tensorLiteral, tensorReply } from './tensor.ts';

/** Something of Keras by its name, or serialized. */
function keras(id: string, description: string, example: string) {
  return z
    .unknown()
    .refine((value) => typeof value === 'string' || (typeof value === 'object' && value !== null), {
      error: `Send a name such as "${example}", or an object with class_name and config.`,
    })
    .transform((value) => value as Json)
    .meta({
      id,
      description,
      anyOf: [{ type: 'string' }, { type: 'object' }],
      examples: [example],
    }) as unknown as z.ZodType<Json, unknown>;
}

const loss = keras(
  'Loss',
  'A loss as Keras names it: MeanSquaredError, MeanAbsoluteError, Huber, LogCosh, BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy, KLDivergence, CosineSimilarity, or their short names such as "mse"; or with its class_name and config.',
  'mse',
);

const optimizer = keras(
  'Optimizer',
  'An optimizer as Keras names it: SGD, RMSprop, Adam, AdamW, Nadam, Adagrad; or with its class_name and config, where `learning_rate` may be an ExponentialDecay, CosineDecay or PiecewiseConstantDecay. Another config than before starts anew.',
  'adam',
);

/** Steps of one request: each is a line of progress, and all are one commit. */
const MAX_REPEAT = 10_000;

export const trainingBody = z
  .strictObject({
    inputs: tensorInput.describe('As those of a sequence: [batch, time, features], in the layout of the framework.'),
    targets: tensorInput.describe(
      "Of the output's shape; for SparseCategoricalCrossentropy the numbers of the classes, without the last axis.",
    ),
    loss,
    optimizer,
    sample_weight: optional(tensorInput).describe(
      "What each entry's loss is multiplied by: of the output's shape without the last axis, or [batch, 1].",
    ),
    mask: optional(tensorLiteral).describe(
      '[batch, time]. True or 1 where a step counts: elsewhere the states stay, and the loss leaves the step out.',
    ),
    initial_state: optional(statesInput).describe('[batch, units] each; zeros where left out.'),
    return_sequences: z
      .boolean()
      .optional()
      .describe(
        'Whether the loss is of all outputs or of the last one; as the class and its config say where left out.',
      ),
    seed: z
      .int()
      .min(0)
      .max(2 ** 53 - 1)
      .optional()
      .describe('Of dropout, other masks for each step; a fresh one where it is left out.'),
    repeat: z.int().min(1).max(MAX_REPEAT).default(1).describe('Steps with the same batch, all of them in one commit.'),
  })
  .meta({ id: 'TrainingSteps' });

const iteration = z.int().min(1).describe('Updates that the optimizer has made.');

export const trainingReply = z
  .object({
    loss: scalarReply.describe('Before the last update, the terms of the regularizers included.'),
    losses: tensorReply.describe('The same of each step, [repeat].'),
    iteration,
    cell_version: version,
  })
  .meta({ id: 'Trained' });

export const optimizerQuery = z.strictObject({
  values: z.enum(['true', 'false']).default('false').describe('Answer with the values of the slots.'),
});

export const optimizerReply = z
  .object({
    class_name: z.string(),
    config: z.record(z.string(), z.unknown()).describe("Keras' parameters, all defaults filled in."),
    iteration,
    slots: z
      .array(
        z.object({
          variable: z.string().describe('Name of the variable that it is kept for.'),
          name: z.string().describe("Keras' name, such as momentum or velocity."),
          shape,
          dtype,
          value: tensorReply.optional(),
        }),
      )
      .describe('What the optimizer keeps for each variable.'),
    version,
    updated_at: timestamp,
  })
  .meta({ id: 'OptimizerState' });
