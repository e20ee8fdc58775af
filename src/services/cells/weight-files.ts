import type { Framework } from '../../domain/cell-definition.ts';
import type { JsonObject } from '../../domain/json.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import type { Tensor } from '../../domain/tensor.ts';

/** A recurrent cell, layer or node as a file holds it. */
export interface FileLayer {
  /** What `?layer=` picks. */
  readonly name: string;
  readonly framework: Framework;
  /** Absent where only names and shapes tell. */
  readonly className?: string;
  /** Absent where the file holds weights only. */
  readonly config?: JsonObject;
  /** Empty where the file holds a configuration only. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** The name of a weight that every layer has and this one has not: only tensors that look like a layer's. */
  readonly missing?: string;
}

/** A cell to be written. */
export interface FileCell {
  readonly id: string;
  readonly framework: Framework;
  readonly className: string;
  readonly config: JsonObject;
  /** In the order of the cell's variables. */
  readonly weights: ReadonlyMap<string, Tensor>;
}

/** A file format that weights come in and go out as. */
export interface WeightFileFormat {
  readonly mediaType: string;
  /** Tells formats of one media type apart, as its parameter `profile`. Reading takes all of them. */
  readonly profile?: string;
  /** Ends the name of a file: `.npz`. */
  readonly extension: string;
  /** Those whose cells it can hold. */
  readonly frameworks: readonly Framework[];
  /** @throws {Problem} invalid-file for any fault, limit-exceeded */
  read(bytes: Uint8Array): Promise<readonly FileLayer[]>;
  /** The weights of a layer by the names that a cell of `config` has, where the file alone does not tell them. */
  arrange?(layer: FileLayer, config: JsonObject): ReadonlyMap<string, Tensor>;
  /** @throws {Problem} not-acceptable where the format cannot hold this cell */
  write(cell: FileCell): Promise<Uint8Array>;
}

/** Names that a message quotes. */
const MAX_NAMES = 20;
/** Names that the extension member `layers` lists. */
const MAX_LISTED = 1000;

/**
 * The layer that `?layer=` names, or the only one.
 * @throws {Problem} several-layers, with their names; invalid-value where it has none of that name; invalid-file where
 * it has none at all
 */
export function pickLayer(layers: readonly FileLayer[], name: string | undefined): FileLayer {
  const whole = layers.filter(({ missing }) => missing === undefined);
  const [first, ...others] = whole;
  if (name === undefined && first !== undefined && others.length === 0) return first;
  const layer = whole.find((one) => one.name === name);
  if (layer) return layer;
  const part = name === undefined && whole.length === 0 ? layers.at(0) : layers.find((one) => one.name === name);
  if (part) throw new Problem('invalid-file', `The layer '${part.name}' of the file has no '${part.missing}'.`);
  const names = whole.map((one) => one.name);
  const listed = names.slice(0, MAX_NAMES).map((one) => `'${one}'`);
  const list = `${listed.join(', ')}${names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ''}`;
  if (name !== undefined) {
    throw fieldProblem('invalid-value', '?layer', `The file has no layer '${name}'. It has: ${list || 'none'}.`);
  }
  if (names.length === 0) throw new Problem('invalid-file', 'The file holds no weights of a recurrent cell.');
  throw new Problem('several-layers', `The file holds several layers: ${list}. Send ?layer= with one of these names.`, {
    extra: { layers: names.slice(0, MAX_LISTED) },
  });
}
