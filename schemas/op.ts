import { z } from 'zod';
import { tensorFormat, tensorInput, tensorReply } from './tensor.ts';

export const opBody = z
  .strictObject({
    inputs: z.array(tensorInput).min(1).max(2).describe('One tensor, or two for arithmetic.'),
    params: z
      .record(z.string().max(100), z.union([z.number(), z.boolean(), z.null()]))
      .default({})
      .describe('Parameters of the op, for example axis of softmax.'),
    tensor_format: tensorFormat,
  })
  .meta({ id: 'OpInputs' });

export const opReply = z.object({ output: tensorReply }).meta({ id: 'OpOutput' });

export const opsReply = z
  .object({
    items: z.array(
      z.object({
        name: z.string(),
        formula: z.string(),
        inputs: z.int().describe('How many tensors it takes.'),
        params: z
          .record(z.string(), z.union([z.number(), z.boolean(), z.null()]))
          .describe('Parameters with their defaults; null for no default.'),
      }),
    ),
  })
  .meta({ id: 'Ops' });
