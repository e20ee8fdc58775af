import type { FileLayer, WholeLayer } from '../../domain/files.ts';
import { isArray, type Json, type JsonObject } from '../../domain/json.ts';

/** The node with its attributes as decimals. */
export function onnxLayer({ config = {}, ...layer }: FileLayer): FileLayer {
  const attributes = Object.entries(config).map(([key, value]): [string, Json] => [key, shortest(value)]);
  return { ...layer, config: Object.fromEntries(attributes) };
}

/** The dtype is not an attribute: the weights have it. */
export function nodeOf(cell: WholeLayer): WholeLayer {
  const { dtype: _, ...attributes }: JsonObject = cell.config;
  return { ...cell, config: attributes };
}

/** Attributes are float32: 0.01 comes back as 0.009999999776482582. The shortest decimal of the same float32 is meant. */
function shortest(value: Json): Json {
  if (isArray(value)) return value.map(shortest);
  if (typeof value !== 'number' || Number.isInteger(value) || Math.fround(value) !== value) return value;
  const digits = [1, 2, 3, 4, 5, 6, 7, 8].find((count) => Math.fround(Number(value.toPrecision(count))) === value);
  return digits === undefined ? Number(value.toPrecision(9)) : Number(value.toPrecision(digits));
}
