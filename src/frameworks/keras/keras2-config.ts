import { isArray, isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { KERAS2_HARD_SIGMOID } from './parse-activation.ts';

/** Keys of a config that hold layers or cells. */
const INNER = ['layer', 'backward_layer', 'cell', 'cells'];
const ACTIVATIONS = ['activation', 'recurrent_activation'];

/**
 * A config from a file in the words of Keras 3: without what Keras 2 wrote and Keras 3 refuses (`batch_input_shape`, a
 * `time_major` of false), and with what a word of Keras 2 meant. `version` names the Keras that wrote it.
 */
export function modernConfig(config: JsonObject, version: string | undefined): JsonObject {
  const { time_major: timeMajor = false, batch_input_shape: _, ...rest } = config;
  const old = version?.startsWith('2.') === true;
  const entries = Object.entries(rest).map(([key, value]): [string, Json] => {
    if (INNER.includes(key)) return [key, modernInner(value, version)];
    return [key, old && ACTIVATIONS.includes(key) && value === 'hard_sigmoid' ? KERAS2_HARD_SIGMOID : value];
  });
  return Object.fromEntries(timeMajor === false ? entries : [...entries, ['time_major', timeMajor]]);
}

function modernInner(value: Json, version: string | undefined): Json {
  if (isArray(value)) return value.map((one) => modernInner(one, version));
  if (!isJsonObject(value) || !isJsonObject(value.config)) return value;
  return { ...value, config: modernConfig(value.config, version) };
}
