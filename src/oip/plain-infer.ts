import type { InferBody } from '../../schemas/oip.ts';
import { isArray, isJsonObject, type JsonObject } from '../domain/json.ts';

type Parameters = NonNullable<InferBody['parameters']>;

/** Whether a field is plain. */
type IsField = (name: string, value: unknown) => boolean;

/** A longer list is left to the schema. */
const MOST_TENSORS = 64;
const MOST_EXTENT = 2 ** 31 - 1;

/**
 * Reads a request to infer without its schema, which takes longer than the step. Undefined if it is unusual or wrong: the schema
 * then reads it, and finds what is wrong. So this must accept nothing that the schema (inferBody) refuses.
 */
export function plainInfer(sent: unknown): InferBody | undefined {
  if (!isJsonObject(sent)) return undefined;
  if (!every(sent, isPlainField)) return undefined;
  const { parameters, ...rest } = sent as Partial<InferBody>;
  if (rest.inputs === undefined) return undefined;
  const body = rest as InferBody;
  return parameters === undefined ? body : { ...body, parameters: withId(parameters) };
}

/** The id as the schema gives it. */
function withId(parameters: Parameters): Parameters {
  const { sequence_id: id } = parameters as { sequence_id?: unknown };
  return typeof id === 'number' ? { ...parameters, sequence_id: BigInt(id) } : parameters;
}

function isPlainField(name: string, value: unknown): boolean {
  switch (name) {
    case 'id':
      return isText(value, 0, 255);
    case 'model_name':
      return isText(value, 0, 200);
    case 'inputs':
      return isList(value, ['name', 'shape', 'datatype'], isInput) && value.length > 0;
    case 'outputs':
      return isList(value, ['name'], isOutput);
    case 'parameters':
      return isJsonObject(value) && every(value, isParameter);
    default:
      return false;
  }
}

function isInput(name: string, value: unknown): boolean {
  switch (name) {
    case 'name':
      return isText(value, 1, 200);
    case 'datatype':
      return isText(value, 0, 20);
    case 'shape':
      return isArray(value) && value.length <= 8 && value.every((extent) => isWhole(extent, MOST_EXTENT));
    case 'parameters':
      return isJsonObject(value) && every(value, (name, size) => name === 'binary_data_size' && isWhole(size));
    default:
      return name === 'data';
  }
}

function isOutput(name: string, value: unknown): boolean {
  if (name === 'name') return isText(value, 1, 200);
  if (name !== 'parameters' || !isJsonObject(value)) return false;
  return every(value, (name, asked) => name === 'binary_data' && typeof asked === 'boolean');
}

function isParameter(name: string, value: unknown): boolean {
  switch (name) {
    case 'sequence_id':
      return typeof value === 'string' ? value.length <= 128 : isWhole(value);
    case 'sequence_start':
    case 'sequence_end':
    case 'binary_data_output':
    case 'cellstep_idempotency':
      return typeof value === 'boolean';
    default:
      return false;
  }
}

/** A short list of tensors, with the fields that each needs and no others. */
function isList(value: unknown, needed: readonly string[], isField: IsField): value is readonly object[] {
  if (!isArray(value) || value.length > MOST_TENSORS) return false;
  return value.every(
    (one) => isJsonObject(one) && needed.every((name) => one[name] !== undefined) && every(one, isField),
  );
}

function every(object: JsonObject, isField: IsField): boolean {
  for (const name in object) if (!isField(name, object[name])) return false;
  return true;
}

function isText(value: unknown, least: number, most: number): boolean {
  return typeof value === 'string' && value.length >= least && value.length <= most;
}

function isWhole(value: unknown, most = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most;
}
