import { z } from 'zod';
import type { Json } from '../src/domain/json.ts';
import { shape, timestamp, version } from './common.ts';
import { dtype, optional, scalarReply, statesInput, tensorInput, tensorLiteral, tensorReply } from './tensor.ts';

/** An object of Keras: its name, or its serialized form. */
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
  'A loss, named as in Keras: MeanSquaredError, MeanAbsoluteError, Huber, LogCosh, BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy, KLDivergence, CosineSimilarity, or a short name such as "mse"; or an object with class_name and config.',
  'mse',
);

const optimizer = keras(
  'Optimizer',
  'An optimizer, named as in Keras: SGD, RMSprop, Adam, AdamW, Nadam, Adagrad; or an object with class_name and config, where `learning_rate` may be an ExponentialDecay, CosineDecay or PiecewiseConstantDecay. A changed config starts a new optimizer.',
  'adam',
);

/** The most steps of one request. Each is a line of progress, and all are one commit. */
const MAX_REPEAT = 10_000;

export const trainingBody = z
  .strictObject({
    inputs: tensorInput.describe('As for a sequence: [batch, time, features], in the layout of the framework.'),
    targets: tensorInput.describe(
      'In the shape of the output. For SparseCategoricalCrossentropy: the class numbers, without the last axis.',
    ),
    loss,
    optimizer,
    sample_weight: optional(tensorInput).describe(
      'Factor for the loss of each entry: in the shape of the output without the last axis, or [batch, 1].',
    ),
    mask: optional(tensorLiteral).describe(
      '[batch, time]. True or 1 for a step that counts. At other steps the states stay, and the loss leaves the step out.',
    ),
    initial_state: optional(statesInput).describe('[batch, units] each; zeros if left out.'),
    return_sequences: z
      .boolean()
      .optional()
      .describe('Whether the loss uses all outputs or only the last one. Left out: as the class and its config say.'),
    seed: z
      .int()
      .min(0)
      .max(2 ** 53 - 1)
      .optional()
      .describe('Seed of dropout, which draws new masks for each step. Left out: the service draws a seed.'),
    repeat: z
      .int()
      .min(1)
      .max(MAX_REPEAT)
      .default(1)
      .describe('How many steps to take with this batch, all in one commit.'),
  })
  .meta({ id: 'TrainingSteps' });

const iteration = z.int().min(1).describe('Updates that the optimizer has made.');

export const trainingReply = z
  .object({
    loss: scalarReply.describe('Loss before the last update, including the terms of the regularizers.'),
    losses: tensorReply.describe('The same for each step, [repeat].'),
    iteration,
    cell_version: version,
  })
  .meta({ id: 'Trained' });

export const optimizerQuery = z.strictObject({
  values: z.enum(['true', 'false']).default('false').describe('Return the values of the slots.'),
});

export const optimizerReply = z
  .object({
    class_name: z.string(),
    config: z.record(z.string(), z.unknown()).describe("Keras' parameters, all defaults filled in."),
    iteration,
    slots: z
      .array(
        z.object({
          variable: z.string().describe('Name of the variable that the slot belongs to.'),
          name: z.string().describe('Name in Keras, such as momentum or velocity.'),
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
