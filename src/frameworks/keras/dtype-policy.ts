import { isJsonObject, type Json, type JsonObject, quote } from '../../domain/json.ts';
import { child, fieldProblem } from '../../domain/problems.ts';
import type { Dtype } from '../../domain/tensor.ts';
import { entry, own } from '../place.ts';

/** The dtypes of a cell's variables and of its arithmetic and results. Keras DTypePolicy. */
export interface DtypePolicy {
  readonly name: string;
  readonly variableDtype: Dtype;
  readonly computeDtype: Dtype;
}

const POLICIES: Readonly<Record<string, DtypePolicy>> = {
  float16: policy('float16', 'float16', 'float16'),
  bfloat16: policy('bfloat16', 'bfloat16', 'bfloat16'),
  float32: policy('float32', 'float32', 'float32'),
  float64: policy('float64', 'float64', 'float64'),
  mixed_float16: policy('mixed_float16', 'float32', 'float16'),
  mixed_bfloat16: policy('mixed_bfloat16', 'float32', 'bfloat16'),
};

/** Under its names in Keras 3, in 3.0 and in Keras 2. */
const POLICY_CLASSES: readonly Json[] = ['DTypePolicy', 'FloatDTypePolicy', 'Policy'];

function policy(name: string, variableDtype: Dtype, computeDtype: Dtype): DtypePolicy {
  return { name, variableDtype, computeDtype };
}

/**
 * A policy by its name or as a serialized DTypePolicy; null is Keras' default, float32. Only floats: a cell of integers
 * cannot be computed, and quantized layers have other variables.
 * @throws {Problem} invalid-config
 */
export function parseDtypePolicy(identifier: Json, pointer: string): DtypePolicy {
  const name = policyName(identifier, pointer);
  const known = typeof name === 'string' ? entry(POLICIES, name) : undefined;
  if (known !== undefined) return known;
  const shown = typeof name === 'string' ? `'${name.slice(0, 80)}'` : quote(name);
  const names = Object.keys(POLICIES).join(', ');
  throw fieldProblem(
    'invalid-config',
    pointer,
    `Cannot convert ${shown} to a mixed precision DTypePolicy. Send one of: ${names}.`,
  );
}

function policyName(identifier: Json, pointer: string): Json {
  if (identifier === null) return 'float32';
  if (!isJsonObject(identifier)) return identifier;
  const config = own(identifier, 'config') ?? {};
  const module = Object.hasOwn(identifier, 'module') ? identifier.module : 'keras';
  if (
    !POLICY_CLASSES.includes(own(identifier, 'class_name') ?? null) ||
    typeof module !== 'string' ||
    !isJsonObject(config)
  ) {
    return identifier;
  }
  const unknown = Object.keys(config).find((key) => key !== 'name');
  if (unknown !== undefined) {
    const text = `DTypePolicy.__init__() got an unexpected keyword argument ${quote(unknown)}. It takes: name.`;
    throw fieldProblem('invalid-config', child(child(pointer, 'config'), unknown), text);
  }
  return own(config, 'name') ?? 'float32';
}

/** Keras prints every policy as an object, a plain dtype included. */
export function serializeDtypePolicy({ name }: DtypePolicy): JsonObject {
  return { module: 'keras', class_name: 'DTypePolicy', config: { name }, registered_name: null };
}
