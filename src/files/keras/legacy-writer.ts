import type { NamedTensors, WholeLayer } from '../../domain/files.ts';
import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { snakeCase } from '../../domain/words.ts';
import { type HdfAttributes, type HdfDataset, type HdfTree, parentOf } from '../hdf5/tree.ts';
import { type ConfiguredLayer, isRecurrentClass } from './configured-layers.ts';
import { asLayer, classNameOf, inKerasOrder, KERAS_VERSION, nameOf, sequentialModel, stackedCells } from './model.ts';
import { networkModel } from './network-model.ts';
import { asDataset, requireAll, variablesByPlace } from './weights-writer.ts';

/** The tree of a legacy `.h5` of a Sequential model of these layers, as Keras 3 writes it. */
export function treeOfLegacy(modelName: string, layers: readonly WholeLayer[]): HdfTree {
  const whole = layers.map(asLayer);
  const groups = whole.map(({ name, className, config, weights }): LegacyGroup => {
    const ordered = trainableFirst(inKerasOrder(weights), config);
    const path = (weight: string) => `${modelName}/${name}/${legacyPath(className, config, weight)}`;
    return { name, entries: ordered.map(([weight, tensor]) => ({ path: path(weight), tensor })) };
  });
  return legacyTree(sequentialModel(modelName, whole), groups);
}

/**
 * The same for a whole network with these layers. Inner layers are in the group of their outer layer.
 * @throws {Problem} not-acceptable if the layout has no place for a weight
 */
export function treeOfLegacyNetwork(network: WholeLayer, layers: readonly ConfiguredLayer[]): HdfTree {
  const modelName = nameOf({ config: network.config }, network.name);
  const plain = variablesByPlace(network.weights);
  const variablesOf = (layer: ConfiguredLayer) =>
    isRecurrentClass(layer) ? recurrentVariables(layer, network.weights) : (plain.get(layer.place) ?? []);
  const groups = [...Map.groupBy(layers, ({ names }) => names[0])].map(([name, inside]): LegacyGroup => {
    const entries = inside.flatMap((layer) =>
      variablesOf(layer).map(([weight, tensor]) => {
        const below = isRecurrentClass(layer) ? legacyPath(layer.className, layer.config, weight) : weight;
        const path = `${modelName}/${layer.names.join('/')}/${below}`;
        return { path, tensor, frozen: network.frozen?.has(`${layer.place}.${weight}`) ?? false };
      }),
    );
    return { name, entries: [...entries.filter(({ frozen }) => !frozen), ...entries.filter(({ frozen }) => frozen)] };
  });
  const tree = legacyTree(networkModel(network), groups);
  requireAll(network, tree);
  return tree;
}

/** The weights of a recurrent layer are those that its prefix and one of their names make. */
function recurrentVariables(layer: ConfiguredLayer, weights: NamedTensors): [string, Tensor][] {
  const prefix = `${layer.place}.`;
  const own = [...weights].filter(([name]) => name.startsWith(prefix) && isRecurrentWeight(name.slice(prefix.length)));
  return own.map(([name, tensor]) => [name.slice(prefix.length), tensor]);
}

function isRecurrentWeight(name: string): boolean {
  return /^(?:(?:forward|backward)_layer\.)?(?:cells\.\d+\.)?(?:kernel|recurrent_kernel|bias)$/.test(name);
}

/** A layer of the model, and its weights in the order in which Keras assigns them. */
interface LegacyGroup {
  readonly name: string;
  readonly entries: readonly { readonly path: string; readonly tensor: Tensor }[];
}

function legacyTree({ class_name, config }: JsonObject, layers: readonly LegacyGroup[]): HdfTree {
  const versions = { backend: 'tensorflow', keras_version: KERAS_VERSION };
  const groups = new Map<string, HdfAttributes>([
    ['', { ...versions, model_config: JSON.stringify({ class_name, config }) }],
    ['model_weights', { ...versions, layer_names: layers.map(({ name }) => name) }],
  ]);
  const datasets = new Map<string, HdfDataset>();
  for (const { name, entries } of layers) {
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
  const direction = parts[0]?.endsWith('_layer') ? parts.shift() : undefined;
  const sides = direction === 'backward_layer' ? [config.backward_layer, config.layer] : [config.layer];
  const inner = direction ? sides.find(isJsonObject) : undefined;
  const own = inner ? (configOf(inner) ?? {}) : config;
  const cell = isJsonObject(own.cell) ? own.cell : { class_name: `${inner ? classNameOf(inner) : className}Cell` };
  const cells = stackedCells(own)?.[Number(parts[1])];
  const stacked = cells ? [nameOf(cells, parts[1])] : [];
  // Without a backward layer of its own, the two would have one name.
  const known = direction === 'forward_layer' || isJsonObject(config.backward_layer);
  const side = direction ? [known && inner ? nameOf(inner, direction) : direction] : [];
  return [...side, nameOf(cell, snakeCase(classNameOf(cell))), ...stacked, variable].join('/');
}

/** In the order of `layer.trainable_weights + layer.non_trainable_weights`: Keras assigns by this order, not by name. */
function trainableFirst(weights: NamedTensors, config: JsonObject): [string, Tensor][] {
  const entries = [...weights];
  const frozen = ([name]: [string, Tensor]) => isFrozen(name, config);
  return [...entries.filter((entry) => !frozen(entry)), ...entries.filter(frozen)];
}

/** Whether the layer or cell of a weight, or a layer around it, is not trainable. */
function isFrozen(weight: string, config: JsonObject): boolean {
  const [, direction] = /^(forward|backward)_layer\./.exec(weight) ?? [];
  const [, cell] = /(?:^|\.)cells\.(\d+)\./.exec(weight) ?? [];
  const layer = direction && configOf((direction === 'backward' ? config.backward_layer : undefined) ?? config.layer);
  const own = layer || config;
  const stack = stackedCells(own);
  const cells = [configOf(own.cell), stack && cell !== undefined ? configOf(stack[Number(cell)]) : undefined];
  return [config, own, ...cells].some((one) => one?.trainable === false);
}

function configOf(object: Json | undefined): JsonObject | undefined {
  return isJsonObject(object) && isJsonObject(object.config) ? object.config : undefined;
}
