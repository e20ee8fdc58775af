import { z } from 'zod';
import { ID_PATTERN } from '../src/domain/ids.ts';
import { isJsonObject } from '../src/domain/json.ts';
import { DTYPES, type Tensor } from '../src/domain/tensor.ts';
import {
  SentTensor,
  type StateGiven,
  type StatesGiven,
  type TensorInput,
  type TensorLiteral,
} from '../src/domain/tensor-literal.ts';
import { NestedNumbers } from './nested-numbers.ts';
import type { WireId } from './tensor-fields.ts';
import { MAX_RANK, parseLiteral, parseTensor, TensorSyntaxError } from './tensor-syntax.ts';

const NON_FINITE = ['NaN', 'Infinity', '-Infinity'];
const shapeSchema = {
  type: 'array',
  items: { type: 'integer', minimum: 0 },
  maxItems: MAX_RANK,
  description: 'Extent of each axis.',
};
const dtypeSchema = { type: 'string', enum: DTYPES, description: 'Element type.' };
const nested = {
  description:
    'A number for a scalar, or nested arrays, all of the same length at each level. NaN and infinities are the strings "NaN", "Infinity" and ' +
    '"-Infinity"; integers beyond 2^53 are strings of digits; a bool tensor has true and false.',
  anyOf: [
    { type: 'number' },
    { type: 'boolean' },
    { type: 'string', pattern: '^(NaN|-?Infinity|-?[0-9]{1,19})$' },
    { type: 'array', items: {} },
  ],
};
const literalForms = [
  { title: 'Nested', ...nested },
  {
    title: 'Flat',
    type: 'object',
    required: ['shape', 'data'],
    additionalProperties: false,
    properties: {
      shape: shapeSchema,
      dtype: dtypeSchema,
      data: { type: 'array', items: {}, description: 'The values, row-major.' },
    },
  },
  {
    title: 'Base64',
    type: 'object',
    required: ['shape', 'dtype', 'base64'],
    additionalProperties: false,
    properties: {
      shape: shapeSchema,
      dtype: dtypeSchema,
      base64: { type: 'string', contentEncoding: 'base64', description: 'Little-endian bytes, row-major.' },
    },
  },
];
const referenceForm = {
  title: 'VariableReference',
  type: 'object',
  required: ['variable'],
  additionalProperties: false,
  properties: {
    variable: { type: 'string', pattern: ID_PATTERN.source, description: 'Id of a stand-alone variable.' },
  },
};

/** A zod type that reads a value with `parse`. A mistake becomes an issue at its place. */
function wireType<T>(
  parse: (value: unknown) => T,
  jsonSchema: Record<string, unknown> & { id: WireId },
): z.ZodType<T, unknown> {
  return z
    .unknown()
    .transform((value, context): T => {
      try {
        return parse(value);
      } catch (error) {
        if (!(error instanceof TensorSyntaxError)) throw error;
        context.addIssue({
          code: 'custom',
          message: error.message,
          path: [...error.path],
          params: { problem: error.problem },
        });
        return z.NEVER;
      }
    })
    .meta(jsonSchema) as unknown as z.ZodType<T, unknown>;
}

/** A tensor that may also be `{ "variable": id }`. */
export const tensorInput = wireType<TensorInput>(parseTensor, {
  id: 'RequestTensor',
  description:
    'A tensor: nested arrays, a flat list with its shape, base64 bytes, or the value of a stand-alone variable.',
  anyOf: [...literalForms, referenceForm],
  examples: [[[2]]],
});

/** A tensor whose values are in the request. */
export const tensorLiteral = wireType<TensorLiteral>(parseLiteral, {
  id: 'TensorLiteral',
  description: 'A tensor: nested arrays, a flat list with its shape, or base64 bytes.',
  anyOf: literalForms,
  examples: [[[2]]],
});

export const statesInput = wireType<StatesGiven>(parseStates, {
  id: 'RequestStates',
  description:
    'A list with one tensor [batch, units] for each state, null for zeros. If the cell has one state, the tensor alone is enough. ' +
    'List the states of a stack cell by cell, in one list or in a list for each cell.',
  anyOf: [
    { title: 'StateList', type: 'array', items: { $ref: '#/components/schemas/RequestTensor' } },
    ...literalForms,
    referenceForm,
  ],
  examples: [[[[1]]]],
});

/** @throws {TensorSyntaxError} */
export function parseStates(sent: unknown): StatesGiven {
  if (sent instanceof NestedNumbers && sent.shape.length < 3) return { bare: parseTensor(sent) };
  if (sent instanceof NestedNumbers && sent.shape.length === 3) return { list: sent.split().map(parseTensor) };
  if (Array.isArray(sent) && sent.length > 0 && sent.every(isElement)) return { bare: parseTensor(sent) };
  if (Array.isArray(sent) && !sent.every(isRow)) requireFew(sent.length);
  const value = sent instanceof NestedNumbers ? sent.toJSON() : Array.isArray(sent) ? sent.map(plainUnlessState) : sent;
  if (!Array.isArray(value)) return { bare: parseTensor(value) };
  if (value.length > 0 && value.every((state) => Array.isArray(state) && depthOf(state) < 2 && !isStateList(state))) {
    return { bare: parseTensor(value) };
  }
  requireFew(value.length);
  if (!value.some(isStateList)) return { list: readStates(value.map((state, i) => [state, [i]])) };
  const states: PlacedState[] = [];
  for (const [i, state] of value.entries()) addLeaves(state, [i], states);
  const nested = readStates(states);
  try {
    return { list: readStates(value.map((state, i) => [state, [i]])), nested };
  } catch (error) {
    if (!(error instanceof TensorSyntaxError)) throw error;
    return { nested };
  }
}

function isElement(value: unknown): boolean {
  return typeof value !== 'object';
}

function isRow(value: unknown): boolean {
  return Array.isArray(value) || value instanceof NestedNumbers;
}

/** An entry with two axes is always a state. For other entries it depends on their content. */
function plainUnlessState(state: unknown): unknown {
  return state instanceof NestedNumbers && state.shape.length !== 2 ? state.toJSON() : state;
}

/** Whether an entry lists the states of one cell: a list of tensors with two or more axes, or of objects. */
function isStateList(value: unknown): boolean {
  return Array.isArray(value) && value.some((state) => depthOf(state) > 1 || holdsObjects(state));
}

/** Whether a value, or a list in it, holds tensors written as objects. */
function holdsObjects(value: unknown): boolean {
  let probe = value;
  while (Array.isArray(probe)) probe = probe[0];
  return isJsonObject(probe);
}

/** Deeper than stacks can be nested. */
const MAX_NESTED_STATES = 16;

/** More states than a network of the most layers has. */
const MOST_STATES = 2 ** 12;

/** @throws {TensorSyntaxError} */
function requireFew(states: number): void {
  if (states > MOST_STATES) throw new TensorSyntaxError(`The list has more than ${MOST_STATES} states.`, []);
}

/** A state as it was sent, and its place. */
type PlacedState = readonly [unknown, readonly number[]];

/** The states of an entry, at any depth of nested stacks. */
function addLeaves(value: unknown, path: readonly number[], states: PlacedState[]): void {
  requireFew(states.length);
  if (path.length > MAX_NESTED_STATES || !isStateList(value)) states.push([value, path]);
  else for (const [i, state] of (value as unknown[]).entries()) addLeaves(state, [...path, i], states);
}

function depthOf(value: unknown): number {
  if (value instanceof SentTensor) return value.shape.length;
  if (value instanceof NestedNumbers) return value.shape.length;
  let depth = 0;
  for (let probe = value; Array.isArray(probe); probe = probe[0]) depth++;
  return depth;
}

function readStates(states: readonly PlacedState[]): StateGiven[] {
  return states.map(([state, path]) => {
    try {
      return state === null ? null : parseTensor(state);
    } catch (error) {
      if (!(error instanceof TensorSyntaxError)) throw error;
      throw new TensorSyntaxError(error.message, [...path, ...error.path], error.problem);
    }
  });
}

export const tensorFormat = z
  .enum(['nested', 'flat', 'base64'])
  .default('nested')
  .describe('How the reply writes its tensors.');
export type TensorFormat = z.output<typeof tensorFormat>;

/** A tensor on its way out, with the form to write it in. */
export class TensorReply {
  readonly tensor: Tensor;
  readonly format: TensorFormat;

  constructor(tensor: Tensor, format: TensorFormat) {
    this.tensor = tensor;
    this.format = format;
  }
}

/** A tensor in a reply, in the form that `tensor_format` asked for. */
export const tensorReply = z.instanceof(TensorReply).meta({
  id: 'Tensor',
  description: `A tensor in the form that tensor_format asked for. ${nested.description} ${NON_FINITE.join(', ')} are strings.`,
  anyOf: literalForms,
  examples: [[[6]]],
});

export const dtype = z.enum(DTYPES).describe('Element type.');

/** A scalar in a reply: a number, or the name of a number that JSON cannot write. */
export const scalarReply = z.instanceof(TensorReply).meta({
  id: 'Scalar',
  description: 'A number, or "NaN", "Infinity" or "-Infinity".',
  anyOf: [{ type: 'number' }, { type: 'string', enum: NON_FINITE }],
  examples: [6],
});

/** An optional field that may be null, which some clients write for a missing value. */
export function optional<T>(type: z.ZodType<T, unknown>) {
  return type.nullish().transform((value) => value ?? undefined);
}

/** Lengths of sequences, [batch]: a plain list, or a tensor of one axis. */
export const lengthsInput = tensorLiteral.transform((literal, context) => {
  const { shape, values, dtype: own, integers } = literal;
  const lengths: number[] = [];
  let odd = -1;
  for (let i = 0; i < values.length; i++) {
    lengths.push(values[i]);
    if (odd < 0 && (!Number.isSafeInteger(values[i]) || values[i] < 0)) odd = i;
  }
  if (shape.length !== 1) {
    const message = `A tensor of ${shape.length} axes is not a list of lengths. Send [batch].`;
    context.addIssue({ code: 'custom', message, params: { problem: 'wrong-shape' } });
  } else if (own === 'bool' || integers || odd >= 0) {
    const sent = own === 'bool' ? 'A boolean' : integers ? 'A string' : values[odd];
    context.addIssue({
      code: 'custom',
      message: `${sent} is not a length. Send whole numbers.`,
      path: [Math.max(odd, 0)],
    });
  }
  return lengths;
});
