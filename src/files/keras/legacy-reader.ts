import type { FileLayer, Skipped, WeightFile } from '../../domain/files.ts';
import { isJsonObject, type JsonObject } from '../../domain/json.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { invalidFile } from '../bounds.ts';
import { type HdfTree, parentOf } from '../hdf5/tree.ts';
import { parseObject } from '../strict-json.ts';
import {
  type ConfiguredLayer,
  configuredLayers,
  isRecurrentClass,
  networkOf,
  skippedLayer,
} from './configured-layers.ts';
import { DIRECTIONS, inKerasOrder, nameOf, stackedCells, VARIABLES } from './model.ts';
import { classOfShapes, tensorAt, withUniqueNames } from './weights-reader.ts';

const FORMAT = 'legacy Keras HDF5';
const WEIGHTS_ONLY = 'a file of weights only holds no configuration';

/** Whether a tree has the legacy layout, of whole models or of weights only. */
export function isLegacy(tree: HdfTree): boolean {
  return listAttribute(tree, weightsRoot(tree), 'layer_names') !== undefined;
}

/** A layer of the model: the place of its weights, and its inner layers from `model_config`. */
interface LegacyLayer {
  readonly name: string;
  readonly group: string;
  /** Paths of its weights below the group, trainable ones first. */
  readonly paths: readonly string[];
  /** Absent in a file of weights only. */
  readonly configured?: readonly ConfiguredLayer[];
}

interface NamedLayer extends FileLayer {
  readonly names: readonly string[];
}

/**
 * The recurrent layers of a legacy Keras file (`.h5` of Keras 2 and 3, of a model or its weights), including layers of nested
 * models and wrappers that `model_config` names. Source: keras/src/legacy/saving/legacy_h5_format.py.
 * @throws {Problem} invalid-file if it holds none, or a weight that it lists is missing.
 */
export function readLegacy(tree: HdfTree): WeightFile {
  const root = weightsRoot(tree);
  const model = modelConfig(tree);
  const configured = model && configuredLayers(model);
  const version = tree.groups.get('')?.keras_version;
  const listed = (listAttribute(tree, root, 'layer_names') ?? []).map((name): LegacyLayer => {
    const group = root === '' ? name : `${root}/${name}`;
    const paths = listAttribute(tree, group, 'weight_names') ?? [];
    return { name, group, paths, configured: configured?.filter(({ names }) => names[0] === name) };
  });
  const found = listed.map((layer) => layersIn(tree, layer, typeof version === 'string' ? { version } : {}));
  const layers = found.flatMap((one) => one.layers);
  const groupOf = (layer: ConfiguredLayer) => listed.find(({ name }) => name === layer.names[0]);
  // A model with a class of its own is not what the layers make of it.
  const known = layers.every(({ unsaid }) => unsaid === undefined);
  const network =
    known && model && configured && networkOf(model, configured, (layer) => variablesOf(tree, layer, groupOf(layer)));
  if (layers.length === 0 && !network) throw invalidFile(FORMAT, 'it holds no recurrent layer.');
  const unique = withUniqueNames(layers, ({ names }) => names.join('/'));
  const whole = network ? { network } : {};
  return {
    ...whole,
    layers: unique.map(({ names: _, ...layer }) => layer),
    skipped: found.flatMap((one) => one.skipped),
  };
}

/** All variables of a layer, by their names. */
function variablesOf(
  tree: HdfTree,
  layer: ConfiguredLayer,
  listed: LegacyLayer | undefined,
): ReadonlyMap<string, Tensor> {
  if (!listed) return new Map();
  const paths = pathsOf(layer, listed.paths, listed.configured ?? []);
  if (isRecurrentClass(layer)) return layerOf(tree, listed, paths, layer, {}).weights;
  return new Map(paths.map((path) => [variableOf(path), storedTensor(tree, listed, path)]));
}

/** @throws {Problem} invalid-file if it is listed but missing */
function storedTensor(tree: HdfTree, { name, group }: Pick<LegacyLayer, 'name' | 'group'>, path: string): Tensor {
  const tensor = tensorAt(tree, `${group}/${path}`);
  if (!tensor) throw invalidFile(FORMAT, `the layer '${name}' lists the weight '${path}', which is not there.`);
  return tensor;
}

function layersIn(tree: HdfTree, layer: LegacyLayer, written: { readonly version?: string }) {
  const { name, paths, configured } = layer;
  const recurrent = (configured ?? []).filter(isRecurrentClass);
  if (recurrent.length > 0) {
    const layers = recurrent.map((one) => layerOf(tree, layer, pathsOf(one, paths, recurrent), one, written));
    const others = configured?.filter((one) => !isRecurrentClass(one)) ?? [];
    return { layers, skipped: others.map(skippedLayer) };
  }
  const [first, ...others] = configured ?? [];
  const skipped = first && others.length === 0 ? [skippedLayer(first)] : skippedGroup(layer);
  if (!isRecurrent(tree, layer)) return { layers: [], skipped };
  if (configured && !first) throw invalidFile(FORMAT, `model_config has no layer '${name}'.`);
  const unsaid = configured ? `'${first?.className ?? name}' is not a class of Keras` : WEIGHTS_ONLY;
  const guessed = layerOf(tree, layer, paths, { names: [name], name }, { unsaid });
  return guessed.className === undefined ? { layers: [], skipped } : { layers: [guessed], skipped: [] };
}

function skippedGroup({ name, paths }: LegacyLayer): Skipped[] {
  return paths.length === 0 ? [] : [{ name, reason: 'Its arrays do not belong to a recurrent layer.' }];
}

/** Other layers have recurrent kernels too, but a ConvLSTM's has more dimensions. */
function isRecurrent(tree: HdfTree, { group, paths }: LegacyLayer): boolean {
  const kernel = paths.find((path) => variableOf(path) === 'recurrent_kernel');
  const shape = tree.datasets.get(`${group}/${kernel}`)?.shape;
  return kernel !== undefined && (shape === undefined || shape.length === 2);
}

/** The weights of one layer in a group: those with its name, or the name of a layer around it, in their paths. */
function pathsOf(
  { names, name }: ConfiguredLayer,
  paths: readonly string[],
  beside: readonly ConfiguredLayer[],
): readonly string[] {
  if (beside.length === 1 && names.length === 1) return paths;
  for (let length = names.length; length > 0; length--) {
    const through = `/${names.slice(-length).join('/')}/`;
    const own = paths.filter((path) => `/${path}`.includes(through));
    if (own.length === 0) continue;
    const alike = beside.filter((one) => `/${one.names.join('/')}/`.endsWith(through));
    if (alike.length > 1)
      throw invalidFile(FORMAT, `it has ${alike.length} layers '${name}' whose weights have one name.`);
    return own;
  }
  return beside.length === 1 ? paths : [];
}

type Told = Pick<ConfiguredLayer, 'names' | 'name'> & Partial<Pick<ConfiguredLayer, 'className' | 'config'>>;

function layerOf(
  tree: HdfTree,
  { group }: LegacyLayer,
  paths: readonly string[],
  { names, name, className, config }: Told,
  more: Pick<FileLayer, 'version' | 'unsaid'>,
): NamedLayer {
  const weights = new Map<string, Tensor>();
  const cells = [...Map.groupBy(paths, parentOf)].map(([cell, own]): CellPaths => ({ cell, paths: own }));
  const named = namedWeights(cells, className, config);
  for (const { weight, path } of named) {
    weights.set(weight, storedTensor(tree, { name, group }, path));
  }
  const both = named.some(({ weight }) => weight.startsWith(DIRECTIONS[1]));
  const guess = both ? 'Bidirectional' : cells.length > 1 ? 'RNN' : classOfShapes(weights, '');
  const known = { className: className ?? guess, ...(config ? { config } : {}) };
  return { names, name, framework: 'keras', ...known, weights: inKerasOrder(weights), ...more };
}

/** The weights of one cell by the path that they share, `model/bidirectional/forward_gru/gru_cell`. */
interface CellPaths {
  readonly cell: string;
  readonly paths: readonly string[];
}

/** Cells sorted by name. The order in the file differs from the layer's order, because trainable weights come first. */
function namedWeights(cells: readonly CellPaths[], className: string | undefined, config: JsonObject | undefined) {
  const both = className === 'Bidirectional' || (!className && cells.some(({ cell }) => /(^|\/)backward_/.test(cell)));
  if (!both) return inDirection(cells, '', config);
  const backward = className === undefined ? undefined : backwardName(config);
  const isBackward = ({ cell }: CellPaths) =>
    cell
      .split('/')
      .some((part) =>
        backward === undefined ? part.startsWith('backward_') : part === backward || part === DIRECTIONS[1],
      );
  const named = [cells.filter((one) => !isBackward(one)), cells.filter(isBackward)];
  if (named.some((own) => own.length === 0)) {
    throw invalidFile(FORMAT, 'a Bidirectional layer has weights of one direction only.');
  }
  return DIRECTIONS.flatMap((direction, i) => {
    const layer = config?.[i === 1 ? 'backward_layer' : 'layer'] ?? config?.layer;
    const own = isJsonObject(layer) && isJsonObject(layer.config) ? layer.config : undefined;
    return inDirection(named[i], `${direction}.`, own);
  });
}

/** Keras' name of the backward layer: from its own config, or derived from the forward layer. */
function backwardName(config: JsonObject | undefined): string {
  const [given, layer] = [config?.backward_layer, config?.layer];
  if (isJsonObject(given)) return nameOf(given, '');
  return `backward_${isJsonObject(layer) ? nameOf(layer, '').replace(/^forward_/, '') : ''}`;
}

function inDirection(cells: readonly CellPaths[], prefix: string, config: JsonObject | undefined) {
  const stack = config && stackedCells(config);
  const ordered = sortedByNames(
    cells,
    (stack ?? []).map((cell, i) => nameOf(cell, `${i}`)),
  );
  const stacked = stack !== undefined || cells.length > 1;
  return ordered.flatMap(({ paths }, i) =>
    paths.map((path) => {
      const variable = variableOf(path);
      if (!VARIABLES.includes(variable)) {
        throw invalidFile(FORMAT, `the weight '${path}' is not one of a recurrent layer: ${VARIABLES.join(', ')}.`);
      }
      return { weight: `${prefix}${stacked ? `cells.${i}.` : ''}${variable}`, path };
    }),
  );
}

/** In the order of the file, if the names do not tell it. */
function sortedByNames(cells: readonly CellPaths[], names: readonly string[]): readonly CellPaths[] {
  const place = ({ cell }: CellPaths) => names.indexOf(cell.split('/').at(-1) ?? '');
  const places = cells.map(place);
  if (names.length !== cells.length || new Set(places).size !== cells.length || places.includes(-1)) return cells;
  return cells.toSorted((a, b) => place(a) - place(b));
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

/** Undefined in a file of weights only. */
function modelConfig(tree: HdfTree): JsonObject | undefined {
  const text = tree.groups.get('')?.model_config;
  return typeof text === 'string' ? parseObject(FORMAT, 'its model_config', new TextEncoder().encode(text)) : undefined;
}

/** `gru/gru_cell/kernel:0` → `kernel` */
function variableOf(path: string): string {
  return (path.split('/').at(-1) ?? '').replace(/:\d+$/, '');
}
