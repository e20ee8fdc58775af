import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';

/** What Keras 2 wrote and Keras 3 refuses, where it says nothing: the order of axes that there is, and the input's shape. */
export function withoutKeras2(config: JsonObject): JsonObject {
  const { time_major: timeMajor = false, batch_input_shape: _, ...rest } = config;
  const tidy = Object.entries(rest).map(([key, value]): [string, Json] => {
    const inner = ['layer', 'backward_layer'].includes(key) && isJsonObject(value) ? value.config : undefined;
    return [key, isJsonObject(value) && isJsonObject(inner) ? { ...value, config: withoutKeras2(inner) } : value];
  });
  return Object.fromEntries(timeMajor === false ? tidy : [...tidy, ['time_major', timeMajor]]);
}
