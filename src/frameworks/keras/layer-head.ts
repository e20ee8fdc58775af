import { type Json, type JsonObject, quote } from '../../domain/json.ts';
import { child, fieldProblem, type Problem } from '../../domain/problems.ts';
import { snakeCase } from '../../domain/words.ts';
import { own, python } from '../place.ts';
import { type DtypePolicy, parseDtypePolicy, serializeDtypePolicy } from './dtype-policy.ts';
import { parseRegularizer } from './parse-object.ts';

/** The name of a layer that was not given one, from its class name in snake case: `gru_cell`, then `gru_cell_1` … */
export type AutoName = (base: string) => string;

/** The fields of every Keras layer. */
export interface LayerHead {
  readonly name: string;
  readonly trainable: boolean;
  readonly policy: DtypePolicy;
  /** Serialized; null if there is none. It only adds to a loss. */
  readonly activityRegularizer: Json;
}

/** Keras has no bound; a name is kept, listed and printed with its cell. */
const MAX_NAME_LENGTH = 4000;

/** Taken by every layer: the first four are printed by get_config(), the others only understood. */
export const HEAD_KEYS = ['name', 'trainable', 'dtype', 'activity_regularizer', 'autocast', 'input_shape', 'input_dim'];

export interface ParsedHead {
  /** Names the layer, so that it is called once all else is known to be right. */
  readonly head: () => LayerHead;
  /** The config without the keys of the head. */
  readonly rest: JsonObject;
}

/**
 * The part of a config that every layer has. Keras Layer.__init__. `ownKeys` are keys of the head that mean something else
 * for the class (Embedding's `input_dim`).
 * @throws {Problem} invalid-request at a value of the wrong type, invalid-config at an impossible one
 */
export function parseHead(
  className: string,
  config: JsonObject,
  pointer: string,
  autoName: AutoName,
  ownKeys: readonly string[] = [],
): ParsedHead {
  const name = own(config, 'name') ?? null;
  if (name !== null && typeof name !== 'string') throw wrongType('name', name, 'a string', pointer);
  if (name !== null && name.length > MAX_NAME_LENGTH) {
    const text = `Argument \`name\` has ${name.length} characters; send at most ${MAX_NAME_LENGTH}.`;
    throw fieldProblem('limit-exceeded', child(pointer, 'name'), text);
  }
  if (name?.includes('/')) {
    const text = `Argument \`name\` must be a string and cannot contain character \`/\`. Received: name=${python(name)}.`;
    throw fieldProblem('invalid-config', child(pointer, 'name'), text);
  }
  const trainable = Object.hasOwn(config, 'trainable') ? config.trainable : true;
  if (typeof trainable !== 'boolean') {
    const text = `Expected \`trainable\` to be a boolean. Received: trainable=${python(trainable)}. Send true or false.`;
    throw fieldProblem('invalid-request', child(pointer, 'trainable'), text);
  }
  const policy = parseDtypePolicy(own(config, 'dtype') ?? null, child(pointer, 'dtype'));
  const activityRegularizer = parseRegularizer(
    own(config, 'activity_regularizer') ?? null,
    child(pointer, 'activity_regularizer'),
  );
  const autocast = own(config, 'autocast');
  if (autocast !== undefined && typeof autocast !== 'boolean')
    throw wrongType('autocast', autocast, 'true or false', pointer);
  const rest: Record<string, Json> = {};
  for (const [key, value] of Object.entries(config)) {
    if (!HEAD_KEYS.includes(key) || ownKeys.includes(key))
      Object.defineProperty(rest, key, { value, enumerable: true });
  }
  return {
    head: () => ({ name: name ?? autoName(snakeCase(className)), trainable, policy, activityRegularizer }),
    rest,
  };
}

/** The head as get_config() prints it, first in every config. */
export function serializeHead({ name, trainable, policy, activityRegularizer }: LayerHead): JsonObject {
  const head = { name, trainable, dtype: serializeDtypePolicy(policy) };
  return activityRegularizer === null ? head : { ...head, activity_regularizer: activityRegularizer };
}

export function wrongType(key: string, value: Json, expected: string, pointer: string): Problem {
  return fieldProblem('invalid-request', child(pointer, key), `\`${key}\` is ${quote(value)}; send ${expected}.`);
}
