import type { Json, JsonObject } from '../../domain/json.ts';
import { completeAttributes } from '../../frameworks/onnx/infer-config.ts';
import type { FileCell, FileLayer } from '../../services/cells/weight-files.ts';
import type { WeightLayer } from '../weight-file.ts';

export function onnxLayer({ name, className, config = {}, weights }: WeightLayer): FileLayer {
  const [W, R] = [weights.get('W'), weights.get('R')];
  const attributes = Object.entries(config).map(([key, value]): [string, Json] => [key, shortest(value)]);
  const complete = completeAttributes(Object.fromEntries(attributes), R?.shape, W?.dtype);
  return { name, framework: 'onnx', className, config: complete, weights };
}

/** The dtype is no attribute: the weights have it. */
export function nodeOf({ id, className, config, weights }: FileCell): WeightLayer {
  const { dtype: _, ...attributes }: JsonObject = config;
  return { name: id, className, config: attributes, weights };
}

/** Attributes are float32: 0.01 comes back as 0.009999999776482582. The shortest decimal of the same float32 is meant. */
function shortest(value: Json): Json {
  if (Array.isArray(value)) return value.map(shortest);
  if (typeof value !== 'number' || Number.isInteger(value) || Math.fround(value) !== value) return value;
  const digits = [1, 2, 3, 4, 5, 6, 7, 8].find((count) => Math.fround(Number(value.toPrecision(count))) === value);
  return digits === undefined ? Number(value.toPrecision(9)) : Number(value.toPrecision(digits));
}
