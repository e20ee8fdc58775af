import { NestedNumbers } from '../../schemas/nested-numbers.ts';
import { ID_PATTERN } from '../domain/ids.ts';
import { isJsonObject } from '../domain/json.ts';
import { SentTensor, type TensorLiteral } from '../domain/tensor-literal.ts';

/** A step message as most are: inputs [batch, features] in numbers, and no option that computes something else. */
export interface PlainMessage {
  readonly session: string;
  readonly inputs: TensorLiteral;
  readonly key: string | undefined;
  readonly if_match: number | undefined;
  readonly return_states: boolean;
}

/** Visible ASCII, as in an Idempotency-Key. */
const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * Reads a message without its schema, which takes longer than the step. Undefined if the message is not plain, or wrong: the
 * schema then reads it, and finds what is wrong. So this must accept nothing that the schema (stepMessage) refuses.
 */
export function plainStep(sent: unknown): PlainMessage | undefined {
  if (!isJsonObject(sent)) return undefined;
  for (const name in sent) if (!isPlainField(name, sent[name])) return undefined;
  const { session, inputs, key, if_match, return_states = false } = sent as Partial<PlainMessage>;
  if (session === undefined || inputs === undefined || inputs.shape.length !== 2) return undefined;
  const given: TensorLiteral = inputs instanceof SentTensor ? inputs : { shape: inputs.shape, values: inputs.values };
  return { session, inputs: given, key, if_match, return_states };
}

function isPlainField(name: string, value: unknown): boolean {
  switch (name) {
    case 'session':
      return typeof value === 'string' && ID_PATTERN.test(value);
    case 'inputs':
      return value instanceof NestedNumbers || value instanceof SentTensor;
    case 'id':
      return typeof value === 'string' ? value.length >= 1 && value.length <= 128 : Number.isSafeInteger(value);
    case 'key':
      return typeof value === 'string' && KEY.test(value);
    case 'if_match':
      return Number.isSafeInteger(value) && (value as number) >= 1;
    case 'op':
      return value === 'step';
    case 'return_states':
      return typeof value === 'boolean';
    default:
      return false;
  }
}
