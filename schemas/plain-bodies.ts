import { z } from 'zod';
import { isJsonObject } from '../src/domain/json.ts';
import { SentTensor, type StatesGiven, type TensorLiteral } from '../src/domain/tensor-literal.ts';
import { NestedNumbers } from './nested-numbers.ts';
import { parseStates } from './tensor.ts';
import { MAX_RANK } from './tensor-syntax.ts';

/**
 * Reads a body as most are, as the schema does that it is registered for, in a fraction of the time. Undefined if the body is not
 * plain, or wrong: the schema then reads it, and finds what is wrong. So a reader accepts nothing that its schema refuses.
 */
export const plainReaders = z.registry<{ readonly read: (sent: unknown) => object | undefined }>();

const NO_OPTIONS = { trace: false, training: false, tensor_format: 'nested' } as const;

/** A step of a session: numbers, and whether the reply has the states. */
export function plainSessionStep(sent: unknown) {
  if (!isJsonObject(sent)) return undefined;
  let inputs: TensorLiteral | undefined;
  let return_states = false;
  for (const name in sent) {
    const value = sent[name];
    if (name === 'inputs') inputs = plainTensor(value);
    else if (name === 'return_states' && typeof value === 'boolean') return_states = value;
    else return undefined;
  }
  const { trace, ...others } = NO_OPTIONS;
  // In the order of the schema's fields.
  return inputs && { inputs, trace, return_states, ...others };
}

/** A step from states that the client carries: numbers only. */
export function plainStep(sent: unknown) {
  if (!isJsonObject(sent)) return undefined;
  let inputs: TensorLiteral | undefined;
  let states: StatesGiven | undefined;
  for (const name in sent) {
    const value = sent[name];
    if (name === 'inputs') inputs = plainTensor(value);
    else if (name === 'states' && isPlainList(value)) states = parseStates(value);
    else return undefined;
  }
  return inputs && { inputs, ...(states ? { states } : {}), ...NO_OPTIONS };
}

function plainTensor(value: unknown): TensorLiteral | undefined {
  if (value instanceof NestedNumbers) return { shape: value.shape, values: value.values };
  return isPlainFile(value) ? value : undefined;
}

/** A list of states [batch, units]. */
function isPlainList(value: unknown): boolean {
  if (value instanceof NestedNumbers) return value.shape.length === 3;
  return Array.isArray(value) && value.length > 0 && value.every(isPlainFile);
}

function isPlainFile(value: unknown): value is SentTensor {
  return value instanceof SentTensor && value.shape.length <= MAX_RANK;
}
