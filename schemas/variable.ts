import { z } from 'zod';
import type { Json } from '../src/domain/json.ts';
import { idOf, listQuery, newId, shape, valuesQuery, version } from './common.ts';
import { dtype, tensorFormat, tensorInput, tensorReply } from './tensor.ts';

const initializer = z
  .unknown()
  .refine((value) => typeof value === 'string' || (typeof value === 'object' && value !== null), {
    error: 'Send the name of an initializer, or an object with class_name and config.',
  })
  .transform((value) => value as Json)
  .meta({
    id: 'Initializer',
    description: 'An initializer, named as in Keras, for example "ones"; or an object with class_name and config.',
    anyOf: [{ type: 'string' }, { type: 'object' }],
    examples: ['ones'],
  }) as unknown as z.ZodType<Json, unknown>;

const randint = z
  .strictObject({
    low: z.int().describe('Smallest value.'),
    high: z.int().describe('Largest value plus one.'),
    size: shape,
    seed: z
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .optional()
      .describe('As in numpy.random.RandomState(seed).'),
  })
  .meta({ id: 'Randint', description: "Whole numbers from [low, high), as NumPy's randint." });

export const createVariableBody = z
  .strictObject({
    id: newId,
    value: tensorInput.optional(),
    initializer: initializer.optional(),
    shape: shape.optional(),
    randint: randint.optional(),
    dtype: dtype.optional(),
    trainable: z.boolean().default(true),
    tensor_format: tensorFormat,
  })
  .superRefine((body, context) => {
    const ways = (['value', 'initializer', 'randint'] as const).filter((way) => body[way] !== undefined);
    if (ways.length !== 1) {
      const message = `Send one of value, initializer (with shape) and randint; ${ways.length === 0 ? 'none' : ways.join(' and ')} was sent.`;
      context.addIssue({ code: 'custom', message, path: ways.slice(1, 2) });
    } else if ((body.initializer === undefined) !== (body.shape === undefined)) {
      context.addIssue({ code: 'custom', message: 'Send initializer and shape together.', path: ['shape'] });
    }
  })
  .meta({ id: 'NewVariable', description: 'Send one of value, initializer with shape, and randint.' });

export const variableReply = z
  .object({
    id: idOf('a stand-alone variable').optional(),
    name: z.string().optional().describe("Name of a cell's variable."),
    shape,
    dtype,
    trainable: z.boolean(),
    value: tensorReply,
    version,
  })
  .meta({ id: 'Variable' });

export const listVariablesQuery = listQuery.extend({ values: valuesQuery });
export const listedVariable = variableReply.partial({ value: true }).meta({
  id: 'ListedVariable',
  description: 'A variable in a list. It has its value if the request says values=true.',
});

export type VariableReply = z.input<typeof variableReply>;

export const assignBody = z
  .strictObject({ value: tensorInput, tensor_format: tensorFormat })
  .meta({ id: 'Assignment' });

export const scatterBody = z
  .strictObject({
    indices: z
      .array(z.array(z.int().min(0)).max(8))
      .max(1_000_000)
      .describe('[n, k]: places along the first k axes. If two updates have the same place, the later one counts.'),
    updates: tensorInput.describe('[n, ...rest]: what to put there.'),
    tensor_format: tensorFormat,
  })
  .superRefine(({ indices }, context) => {
    const odd = indices.findIndex((index) => index.length !== indices[0].length);
    if (odd < 0) return;
    const message = `Index ${odd} has length ${indices[odd].length}; the first has ${indices[0].length}.`;
    context.addIssue({ code: 'custom', message, path: ['indices', odd], params: { problem: 'ragged-tensor' } });
  })
  .meta({ id: 'ScatterUpdate' });
