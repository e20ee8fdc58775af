import { z } from 'zod';
import { type Json, quote } from '../src/domain/json.ts';
import type { ProblemCode } from '../src/domain/problems.ts';
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

const MOST_INDICES = 1_000_000;
const MOST_AXES = 8;

/** What is wrong with indices, and where. */
interface IndexFault {
  readonly path: (string | number)[];
  readonly message: string;
  readonly problem?: ProblemCode;
}

/** Looks at each index itself: a schema of its own for each would take a hundred times as long. */
function faultOfIndices(value: unknown): IndexFault | undefined {
  if (!Array.isArray(value)) return { path: [], message: `${quote(value)} is not a list of places. Send [n, k].` };
  if (value.length > MOST_INDICES)
    return { path: [], message: `There are ${value.length} places. Send at most ${MOST_INDICES}.` };
  for (let i = 0; i < value.length; i++) {
    const index: unknown = value[i];
    if (!Array.isArray(index) || index.length > MOST_AXES)
      return {
        path: [i],
        message: `${quote(index)} is not a place. Send a list of at most ${MOST_AXES} whole numbers.`,
      };
    const odd = index.findIndex((place) => !Number.isSafeInteger(place) || place < 0);
    if (odd >= 0)
      return { path: [i, odd], message: `${quote(index[odd])} is not a place. Send a whole number from 0.` };
    if (index.length === value[0].length) continue;
    const message = `Index ${i} has length ${index.length}; the first has ${value[0].length}.`;
    return { path: [i], message, problem: 'ragged-tensor' };
  }
  return undefined;
}

const indices = z
  .unknown()
  .transform((value, context) => {
    const fault = faultOfIndices(value);
    if (!fault) return value as readonly (readonly number[])[];
    const { path, message, problem } = fault;
    context.addIssue({ code: 'custom', message, path, ...(problem ? { params: { problem } } : {}) });
    return z.NEVER;
  })
  .meta({
    maxItems: MOST_INDICES,
    type: 'array',
    items: { maxItems: MOST_AXES, type: 'array', items: { type: 'integer', minimum: 0 } },
    description: '[n, k]: places along the first k axes. If two updates have the same place, the later one counts.',
  });

export const scatterBody = z
  .strictObject({
    indices,
    updates: tensorInput.describe('[n, ...rest]: what to put there.'),
    tensor_format: tensorFormat,
  })
  .meta({ id: 'ScatterUpdate' });
