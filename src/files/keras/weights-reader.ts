import type { FileLayer, NamedTensors, Skipped } from '../../domain/files.ts';
import { Tensor } from '../../domain/tensor.ts';
import { invalidFile } from '../bounds.ts';
import { ELEMENT_TYPES, viewElements } from '../elements.ts';
import { type HdfTree, parentOf } from '../hdf5/tree.ts';
import { classOfGroup, DIRECTIONS, VARIABLES } from './model.ts';

const FORMAT = 'Keras weights';

/** Groups by the path of the group that they stand in. */
type ChildGroups = ReadonlyMap<string, readonly string[]>;

export interface StoredLayer extends FileLayer {
  /** The group that its weights stand in, `layers/gru_1`. */
  readonly path: string;
}

/**
 * The recurrent layers of a Keras 3 weights file (`.weights.h5`), which holds no configuration: the group's name gives the
 * class, or the shapes do if the name is not a recurrent layer's. Stacked cells of several classes keep the names of their
 * groups (`cells.lstm_cell.kernel`), see `orderCells`.
 * @throws {Problem} invalid-file if it holds none, or one whose arrays are not read.
 */
export function layersOfWeights(tree: HdfTree): StoredLayer[] {
  const stored = storedLayers(tree);
  const layers = stored.length > 0 ? stored : loneCell(tree);
  if (layers.length === 0) throw invalidFile(FORMAT, 'it holds no recurrent layer or cell.');
  return withUniqueNames(layers, ({ path }) => path);
}

/** The recurrent layers, without a name of their own each. */
export function storedLayers(tree: HdfTree): StoredLayer[] {
  const paths = new Set<string>();
  for (const group of tree.groups.keys()) {
    const [, owner] = /^(?:(.+)\/)?cell$/.exec(group) ?? [];
    if (group !== 'cell' && owner === undefined) continue;
    paths.add(layerOfCell(owner ?? ''));
  }
  const owners = ownersOfKernels(tree);
  const isKnown = (path: string) => classOfGroup(path.split('/').at(-1) ?? '') !== undefined;
  const children = Map.groupBy(tree.groups.keys(), parentOf);
  return [...paths]
    .filter((path) => isKnown(path) || owners.has(path))
    .map((path) => storedLayer(tree, children, path));
}

/** The other groups of the tree: their arrays belong to none of the layers at these paths. */
export function otherGroups(tree: HdfTree, paths: readonly string[]): Skipped[] {
  const owners = [...tree.datasets.keys(), ...tree.unread.keys()].map((path) =>
    path.replace(/(^|\/)(vars\/)?[^/]*$/, ''),
  );
  const layers = new Set(paths);
  const others = new Set(owners.filter((owner) => !hasAbove(layers, owner)));
  return [...others].map((name) => ({ name: name || '/', reason: 'Its arrays do not belong to a recurrent layer.' }));
}

/** Whether a group is at or below one of these. */
function hasAbove(groups: ReadonlySet<string>, group: string): boolean {
  for (let at = group; ; at = parentOf(at)) {
    if (groups.has(at)) return true;
    if (at === '') return false;
  }
}

/** Whether a group is at or below another. */
export function isWithin(group: string, path: string): boolean {
  return path === '' || group === path || group.startsWith(`${path}/`);
}

const RECURRENT_KERNEL = /^(?:(.*)\/)?cell\/(?:cells\/[^/]+\/)?vars\/1$/s;

/** The layers with a recurrent kernel. Other layers have a cell too, but a ConvLSTM's kernels have more dimensions. */
function ownersOfKernels(tree: HdfTree): ReadonlySet<string> {
  const owners = new Set<string>();
  for (const [path, { shape }] of tree.datasets) {
    const found = shape.length === 2 ? RECURRENT_KERNEL.exec(path) : null;
    if (found) owners.add(layerOfCell(found[1] ?? ''));
  }
  return owners;
}

/** The owner of a cell is a layer, or one of the two layers of a Bidirectional. */
function layerOfCell(owner: string): string {
  return DIRECTIONS.includes(owner.split('/').at(-1) ?? '') ? parentOf(owner) : owner;
}

function storedLayer(tree: HdfTree, children: ChildGroups, path: string): StoredLayer {
  const directions = DIRECTIONS.filter((direction) => tree.groups.has(join(path, `${direction}/cell`)));
  const weights = new Map(
    directions.length > 0
      ? directions.flatMap((direction) => layerWeights(tree, children, join(path, direction), `${direction}.`))
      : layerWeights(tree, children, path, ''),
  );
  const group = path.split('/').at(-1) ?? '';
  const className =
    directions.length > 0 ? 'Bidirectional' : (classOfGroup(group) ?? classOfShapes(weights, '') ?? 'RNN');
  return { path, name: ownName(tree, path) ?? (group || 'layer'), framework: 'keras', className, weights };
}

function layerWeights(tree: HdfTree, children: ChildGroups, path: string, prefix: string): [string, Tensor][] {
  const cells = join(path, 'cell/cells');
  const groups = (children.get(cells) ?? []).map((group) => group.slice(cells.length + 1));
  if (groups.length === 0) return cellWeights(tree, join(path, 'cell'), prefix);
  const oneClass = new Set(groups.map((group) => group.replace(/_\d+$/, ''))).size === 1;
  const place = (group: string) => Number(/_(\d+)$/.exec(group)?.[1] ?? 0);
  const ordered = oneClass ? groups.toSorted((a, b) => place(a) - place(b)) : groups;
  return ordered.flatMap((group, i) =>
    cellWeights(tree, `${cells}/${group}`, `${prefix}cells.${oneClass ? i : group}.`),
  );
}

function cellWeights(tree: HdfTree, path: string, prefix: string): [string, Tensor][] {
  return VARIABLES.flatMap((variable, i): [string, Tensor][] => {
    const tensor = tensorAt(tree, `${path}/vars/${i}`);
    if (!tensor && i < 2) throw invalidFile(FORMAT, `'${path}/vars' has no '${i}', the ${variable}.`);
    return tensor ? [[`${prefix}${variable}`, tensor]] : [];
  });
}

/** A cell's own `save_own_variables` puts "0", "1", "2" at the top, a saved cell "vars/0" …. */
function loneCell(tree: HdfTree): StoredLayer[] {
  return ['', 'vars'].flatMap((path): StoredLayer[] => {
    if (!tree.datasets.has(join(path, '1'))) return [];
    const weights = new Map<string, Tensor>();
    VARIABLES.forEach((variable, i) => {
      const tensor = tensorAt(tree, join(path, `${i}`));
      if (tensor) weights.set(variable, tensor);
    });
    const className = classOfShapes(weights, 'Cell');
    return className ? [{ path, name: ownName(tree, '') ?? 'cell', framework: 'keras', className, weights }] : [];
  });
}

/** By the number of gates: columns over rows of the recurrent kernel. */
export function classOfShapes(weights: NamedTensors, suffix: '' | 'Cell'): string | undefined {
  const shape = weights.get('recurrent_kernel')?.shape ?? [];
  if (shape.length !== 2) return undefined;
  const [units, columns] = shape;
  const className = new Map([
    [1, 'SimpleRNN'],
    [3, 'GRU'],
    [4, 'LSTM'],
  ]).get(columns / units);
  return className && `${className}${suffix}`;
}

/** @throws {Problem} invalid-file if it is there but of a type that is not read. */
export function tensorAt(tree: HdfTree, path: string): Tensor | undefined {
  const reason = tree.unread.get(path);
  if (reason !== undefined) throw invalidFile(FORMAT, `'${path}' is not read: ${reason}.`);
  const dataset = tree.datasets.get(path);
  if (!dataset) return undefined;
  try {
    const { type, shape, bytes, widened } = dataset;
    return new Tensor(ELEMENT_TYPES[type].dtype, shape, widened ?? viewElements(type, bytes));
  } catch (error) {
    throw invalidFile(FORMAT, `in '${path}' ${error instanceof Error ? error.message : error}.`, error);
  }
}

/** The variables of a layer by their places, `0`, `1` …. */
export function variablesAt(tree: HdfTree, group: string): Map<string, Tensor> {
  const variables = new Map<string, Tensor>();
  for (let i = 0; ; i++) {
    const tensor = tensorAt(tree, `${group}/${i}`);
    if (!tensor) return variables;
    variables.set(`${i}`, tensor);
  }
}

/** Layers of one name (nested models may have them) are told apart by their paths. */
export function withUniqueNames<Layer extends FileLayer>(
  layers: readonly Layer[],
  pathOf: (layer: Layer) => string,
): Layer[] {
  const named = Map.groupBy(layers, ({ name }) => name);
  return layers.map((layer) => (named.get(layer.name)?.length === 1 ? layer : { ...layer, name: pathOf(layer) }));
}

function join(path: string, rest: string): string {
  return path === '' ? rest : `${path}/${rest}`;
}

function ownName(tree: HdfTree, path: string): string | undefined {
  const name = tree.groups.get(join(path, 'vars'))?.name;
  // h5py gives a string attribute as one string, older writers as a list of one.
  return typeof name === 'string' ? name : name?.[0];
}
