import type { NamedTensors } from '../../domain/files.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { fieldProblem, type Problem } from '../../domain/problems.ts';
import type { Dtype } from '../../domain/tensor.ts';

/** A layer of a module, as its place in the chain tells it. */
export interface ChainPlace {
  readonly name: string;
  /** By their own names. */
  readonly tensors: NamedTensors;
  /** Of the layer after it. */
  readonly next?: NamedTensors;
  readonly first: boolean;
  readonly options: JsonObject;
  readonly dtype: Dtype;
}

/** One layer of a module as layers of Keras, of which it may take several. */
export interface ChainedLayer {
  readonly serialized: readonly JsonObject[];
  /** By the names of the network's variables. */
  readonly weights: NamedTensors;
  /** Its tensors that have a place in the network, by their own names. */
  readonly taken: readonly string[];
  readonly takes: number | 'tokens';
  readonly gives: number;
}

/** The layer's name in Keras, where a dot would lead into an inner model. */
export function kerasName(name: string): string {
  return name.replaceAll('.', '_');
}

/** The options of a layer over their defaults. @throws {Problem} invalid-value for another option */
export function readOptions({ name, options }: ChainPlace, defaults: Readonly<Record<string, Json>>): JsonObject {
  const unknown = Object.keys(options).find((option) => !Object.hasOwn(defaults, option));
  if (unknown === undefined) return { ...defaults, ...options };
  const detail = `'${name}' has no option '${unknown.slice(0, 80)}'. Its options are: ${Object.keys(defaults).join(', ')}.`;
  throw fieldProblem('invalid-value', `?config.${name}.${unknown.slice(0, 80)}`, detail);
}

/** A layer that the network cannot have. */
export function unsupportedChain(detail: string): Problem {
  return fieldProblem('unsupported-layer', '?config.chain', detail);
}
