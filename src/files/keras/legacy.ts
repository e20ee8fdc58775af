import type { FileLayer, WholeLayer } from '../../domain/files.ts';
import { isJsonObject, type JsonObject } from '../../domain/json.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { snakeCase } from '../../domain/words.ts';
import { invalidFile } from '../bounds.ts';
import { type HdfAttributes, type HdfDataset, type HdfTree, parentOf } from '../hdf5/tree.ts';
import { parseObject } from '../strict-json.ts';
import {
  asLayer,
  classNameOf,
  configuredLayers,
  inKerasOrder,
  KERAS_VERSION,
  nameOf,
  RECURRENT_LAYERS,
  sequentialModel,
  stackedCells,
} from './model.ts';
import { classOfShapes, tensorAt } from './weights-reader.ts';
import { asDataset } from './weights-writer.ts';

const FORMAT = 'legacy Keras HDF5';

/** Whether a tree has the legacy layout, of whole models or of weights only. */
export function isLegacy(tree: HdfTree): boolean {
  return listAttribute(tree, weightsRoot(tree), 'layer_names') !== undefined;
}

interface LegacyLayer {
  readonly name: string;
  readonly className?: string;
  readonly config?: JsonObject;
}

/**
 * The recurrent layers of a legacy Keras file (`.h5` of Keras 2 and 3, of a model or its weights), those of nested models
 * included where `model_config` tells of them. Weights stand in the order of each layer's `weight_names`. Source:
 * keras/src/legacy/saving/legacy_h5_format.py.
 * @throws {Problem} invalid-file if it holds none, or a weight that it lists is missing.
 */
export function layersOfLegacy(tree: HdfTree): FileLayer[] {
  const root = weightsRoot(tree);
  const configured = configuredByName(tree);
  const names = listAttribute(tree, root, 'layer_names') ?? [];
  const layers = names.flatMap((name): FileLayer[] => {
    const group = root === '' ? name : `${root}/${name}`;
    const paths = listAttribute(tree, group, 'weight_names') ?? [];
    if (!paths.some((path) => variableOf(path) === 'recurrent_kernel')) return [];
    const known = configured?.get(name);
    if (configured && !known) throw invalidFile(FORMAT, `model_config has no layer '${name}'.`);
    const { nested = [], ...layer } = known ?? { name };
    if (nested.length === 0) return layerOf(tree, group, layer, paths);
    // All weights of a nested model stand under its own name, each below the name of its layer.
    return nested.flatMap((one) => {
      const own = paths.filter((path) => path.split('/').slice(0, -1).includes(one.name));
      return layerOf(tree, group, one, own);
    });
  });
  if (layers.length === 0) throw invalidFile(FORMAT, 'it holds no recurrent layer.');
  return layers;
}

function layerOf(tree: HdfTree, group: string, layer: LegacyLayer, paths: readonly string[]): FileLayer[] {
  const { name, className, config } = layer;
  if (className !== undefined && !RECURRENT_LAYERS.includes(className)) return [];
  const cells = sortedByConfig(splitIntoCells(paths), config);
  const bidirectional = className === 'Bidirectional' || paths.some((path) => /(^|\/)backward_/.test(path));
  const weights = new Map<string, Tensor>();
  for (const { prefix, path } of namedWeights(cells, bidirectional, config)) {
    const tensor = tensorAt(tree, `${group}/${path}`);
    if (!tensor) throw invalidFile(FORMAT, `the layer '${name}' lists the weight '${path}', which is not there.`);
    weights.set(`${prefix}${variableOf(path)}`, tensor);
  }
  const guess = bidirectional ? 'Bidirectional' : cells.length > 1 ? 'RNN' : classOfShapes(weights, '');
  const known = className ?? guess;
  return known === undefined ? [] : [{ name, framework: 'keras', className: known, config, weights }];
}

/** The tree of a legacy `.h5` of a Sequential model of these layers, as Keras 3 writes it. */
export function treeOfLegacy(modelName: string, layers: readonly WholeLayer[]): HdfTree {
  const whole = layers.map(asLayer);
  const versions = { backend: 'tensorflow', keras_version: KERAS_VERSION };
  const { class_name, config } = sequentialModel(modelName, whole);
  const groups = new Map<string, HdfAttributes>([
    ['', { ...versions, model_config: JSON.stringify({ class_name, config }) }],
    ['model_weights', { ...versions, layer_names: whole.map(({ name }) => name) }],
  ]);
  const datasets = new Map<string, HdfDataset>();
  for (const { name, className, config, weights } of whole) {
    const entries = [...inKerasOrder(weights)].map(([weight, tensor]) => ({
      path: `${modelName}/${name}/${legacyPath(className, config, weight)}`,
      tensor,
    }));
    const group = `model_weights/${name}`;
    groups.set(group, { weight_names: entries.map(({ path }) => path) });
    for (const { path, tensor } of entries) {
      const parents = parentOf(path).split('/');
      parents.forEach((_, i) => {
        const parent = `${group}/${parents.slice(0, i + 1).join('/')}`;
        if (!groups.has(parent)) groups.set(parent, {});
      });
      datasets.set(`${group}/${path}`, asDataset(tensor));
    }
  }
  groups.set('model_weights/top_level_model_weights', { weight_names: [] });
  return { groups, datasets, unread: new Map() };
}

/** `forward_layer.cells.0.kernel` as a variable's path below its layer: `forward_gru/stacked_rnn_cells/0/kernel`. */
function legacyPath(className: string, config: JsonObject, weight: string): string {
  const parts = weight.split('.');
  const variable = parts.pop();
  const direction = parts[0]?.endsWith('_layer') ? [parts.shift()] : [];
  const inner = direction.length > 0 && isJsonObject(config.layer) ? config.layer : { class_name: className, config };
  const own = isJsonObject(inner.config) ? inner.config : {};
  const cell = isJsonObject(own.cell) ? own.cell : { class_name: `${classNameOf(inner)}Cell` };
  const cells = stackedCells(own)?.[Number(parts[1])];
  const stacked = cells ? [nameOf(cells, parts[1])] : [];
  return [...direction, nameOf(cell, snakeCase(classNameOf(cell))), ...stacked, variable].join('/');
}

function weightsRoot(tree: HdfTree): string {
  return tree.groups.has('model_weights') ? 'model_weights' : '';
}

/** Long lists are written in parts, `weight_names0`, `weight_names1` …. */
function listAttribute(tree: HdfTree, group: string, name: string): readonly string[] | undefined {
  const attributes = tree.groups.get(group) ?? {};
  const list = (value: string | readonly string[]) => (typeof value === 'string' ? [value] : value);
  if (Object.hasOwn(attributes, name)) return list(attributes[name]);
  const parts: string[] = [];
  let part = 0;
  while (Object.hasOwn(attributes, `${name}${part}`)) parts.push(...list(attributes[`${name}${part++}`]));
  return part === 0 ? undefined : parts;
}

/** The layers of `model_config` by name, with the recurrent ones inside each; undefined where there is none. */
function configuredByName(tree: HdfTree): Map<string, LegacyLayer & { nested: readonly LegacyLayer[] }> | undefined {
  const text = tree.groups.get('')?.model_config;
  if (typeof text !== 'string') return undefined;
  const model = parseObject(FORMAT, 'its model_config', new TextEncoder().encode(text));
  const layers = isJsonObject(model.config) && Array.isArray(model.config.layers) ? model.config.layers : [];
  return new Map(
    layers.filter(isJsonObject).map((layer) => {
      const name = nameOf(layer, '');
      const config = isJsonObject(layer.config) ? layer.config : {};
      return [name, { name, className: classNameOf(layer), config, nested: configuredLayers(layer) }];
    }),
  );
}

/** `gru/gru_cell/kernel:0` → `kernel` */
function variableOf(path: string): string {
  return (path.split('/').at(-1) ?? '').replace(/:\d+$/, '');
}

/** A cell starts at its kernel. */
function splitIntoCells(paths: readonly string[]): string[][] {
  const cells: string[][] = [];
  for (const path of paths) {
    const variable = variableOf(path);
    if (!['kernel', 'recurrent_kernel', 'bias'].includes(variable)) {
      throw invalidFile(FORMAT, `the weight '${path}' is none of a recurrent layer: kernel, recurrent_kernel or bias.`);
    }
    if (variable === 'kernel' || cells.length === 0) cells.push([]);
    cells.at(-1)?.push(path);
  }
  return cells;
}

/** Trainable weights come before others, so the cells of a stack may stand out of order; their names tell. */
function sortedByConfig(cells: string[][], config: JsonObject | undefined): string[][] {
  const names = (config ? stackedCells(config) : undefined)?.map((cell, i) => nameOf(cell, `${i}`)) ?? [];
  const place = ([path]: string[]) => names.indexOf(parentOf(path).split('/').at(-1) ?? '');
  const places = cells.map(place);
  if (names.length !== cells.length || new Set(places).size !== cells.length || places.includes(-1)) return cells;
  return cells.toSorted((a, b) => place(a) - place(b));
}

function namedWeights(cells: string[][], bidirectional: boolean, config: JsonObject | undefined) {
  const half = bidirectional ? cells.length / 2 : cells.length;
  if (!Number.isInteger(half))
    throw invalidFile(FORMAT, `a bidirectional layer has ${cells.length} kernels, an odd number.`);
  const inner = bidirectional && isJsonObject(config?.layer) ? config.layer.config : config;
  const stacked = half > 1 || (isJsonObject(inner) && stackedCells(inner) !== undefined);
  return cells.flatMap((paths, i) => {
    const direction = !bidirectional ? '' : i < half ? 'forward_layer.' : 'backward_layer.';
    return paths.map((path) => ({ prefix: `${direction}${stacked ? `cells.${i % half}.` : ''}`, path }));
  });
}
