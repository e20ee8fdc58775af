import type { FileLayer, NamedTensors, WholeLayer } from '../../domain/files.ts';
import { isArray, isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { Problem } from '../../domain/problems.ts';
import { orderCells } from './model.ts';

/** A file of weights only names the cells of a stack by class; the config of the cell that they are for tells the order. */
export function arrangeCells(layer: FileLayer, config: JsonObject): NamedTensors {
  return layer.config === undefined ? orderCells(layer.weights, config) : layer.weights;
}

/**
 * The cell as a layer of a model. The writers put a cell that is not a layer into an RNN.
 * @throws {Problem} not-acceptable for a stack inside a stack, or an activation that only Keras 2 has
 */
export function layerOf(cell: WholeLayer): WholeLayer {
  requireWritable(cell);
  return { ...cell, name: pathName(cell.config.name) ?? cell.name };
}

/** @throws {Problem} not-acceptable where it has a stack inside a stack, or an activation that only Keras 2 has */
export function requireWritable({ name: id, config, weights }: WholeLayer): void {
  const nested = [...weights.keys()].find((name) => /(?:^|\.)cells\.\d+\.cells\./.test(name));
  if (nested !== undefined) {
    const detail = `Cell '${id}' has stacks inside stacks ('${nested}'), which this service cannot write to a Keras file. Ask for application/x-safetensors.`;
    throw new Problem('not-acceptable', detail);
  }
  // A name in the config cannot look so: its quotes are escaped.
  if (JSON.stringify(config).includes('"module":"keras2.')) {
    const detail = `Cell '${id}' has the hard_sigmoid of Keras 2, which Keras 3 does not have. Ask for application/x-safetensors.`;
    throw new Problem('not-acceptable', detail);
  }
}

/**
 * The same for a file in which names are paths.
 * @throws {Problem} not-acceptable if a name is not a path, or two cells of a stack have the same name
 */
export function legacyLayerOf(cell: WholeLayer): WholeLayer {
  requireLegacyNames(cell.name, cell.config);
  return layerOf(cell);
}

/**
 * Checks the names in a layer's config and in the layers around it.
 * @throws {Problem} not-acceptable if a name is not a path, or two cells of a stack have the same name
 */
export function requireLegacyNames(id: string, config: JsonObject, outer: readonly string[] = []): void {
  for (const names of [...outer.map((name) => [name]), ...namesByPlace(config)]) {
    const bad = names.find((name, i) => pathName(name) === undefined || names.indexOf(name) < i);
    if (bad === undefined) continue;
    const reason = `its weights are named after its cells, and ${JSON.stringify(bad)} does not name exactly one of them`;
    const detail = `Cell '${id}' cannot be written as a legacy HDF5 file: ${reason}. Ask for application/x-keras.`;
    throw new Problem('not-acceptable', detail);
  }
}

function pathName(name: Json | undefined): string | undefined {
  return typeof name === 'string' && /^(?!\.{1,2}$)[^/\0]+$/.test(name) && name.isWellFormed() ? name : undefined;
}

/** Names of the objects inside a config, for each list. */
function namesByPlace(config: JsonObject): Json[][] {
  const configs = (objects: readonly (Json | undefined)[]) => objects.map(configOf).filter((own) => own !== undefined);
  const inner = configs(['cell', 'layer', 'backward_layer'].map((key) => config[key]));
  const cells = configs(isArray(config.cells) ? config.cells : []);
  const own = [inner.map(({ name }) => name), cells.map(({ name }) => name)];
  return [...own, ...[...inner, ...cells].flatMap(namesByPlace)];
}

function configOf(object: Json | undefined): JsonObject | undefined {
  return isJsonObject(object) && isJsonObject(object.config) ? object.config : undefined;
}
