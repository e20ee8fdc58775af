import type { NamedTensors, WholeLayer } from '../../domain/files.ts';
import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { snakeCase } from '../../domain/words.ts';
import { type HdfAttributes, type HdfDataset, type HdfTree, parentOf } from '../hdf5/tree.ts';
import { asLayer, classNameOf, inKerasOrder, KERAS_VERSION, nameOf, sequentialModel, stackedCells } from './model.ts';
import { asDataset } from './weights-writer.ts';

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
    const ordered = trainableFirst(inKerasOrder(weights), config);
    const entries = ordered.map(([weight, tensor]) => ({
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

/** As `layer.trainable_weights + layer.non_trainable_weights` lists them: Keras assigns by this order, not by name. */
function trainableFirst(weights: NamedTensors, config: JsonObject): [string, Tensor][] {
  const entries = [...weights];
  const frozen = ([name]: [string, Tensor]) => isFrozen(name, config);
  return [...entries.filter((entry) => !frozen(entry)), ...entries.filter(frozen)];
}

/** Whether a layer or cell that a weight is of, or that this is in, is not trainable. */
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
