import type { NamedTensors, WholeLayer } from '../../domain/files.ts';
import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { snakeCase } from '../../domain/words.ts';

/** The version whose layouts are written. */
export const KERAS_VERSION = '3.15.1';
export const RECURRENT_LAYERS = ['SimpleRNN', 'GRU', 'LSTM', 'RNN', 'Bidirectional'];
/** The weights of a cell, in the order of its `vars`. */
export const VARIABLES = ['kernel', 'recurrent_kernel', 'bias'];
/** The two layers of a Bidirectional, as groups and as prefixes of names. */
export const DIRECTIONS = ['forward_layer', 'backward_layer'];

/** A layer of each class by the name that Keras gives its group, `simple_rnn` or `simple_rnn_2`. */
export function classOfGroup(group: string): string | undefined {
  const stem = group.replace(/_\d+$/, '');
  return RECURRENT_LAYERS.find((className) => snakeCase(className) === stem);
}

/** Group names for objects of these classes in one container: `gru_cell`, `lstm_cell`, `gru_cell_1`. */
export function groupNames(classNames: readonly string[]): string[] {
  const used = new Map<string, number>();
  return classNames.map((className) => {
    const stem = snakeCase(className);
    const count = used.get(stem) ?? 0;
    used.set(stem, count + 1);
    return count === 0 ? stem : `${stem}_${count}`;
  });
}

/** The classes of the cells of a stack, whether the config is of an RNN over it or of the stack itself. */
export function stackedCells(config: JsonObject): JsonObject[] | undefined {
  const own = children(config, 'cells');
  if (own.length > 0) return own;
  return isJsonObject(config.cell) && isJsonObject(config.cell.config) ? stackedCells(config.cell.config) : undefined;
}

/**
 * Weights of a stack that a Keras 3 file names by class (`cells.lstm_cell.kernel`, whose order no file tells), by the
 * order of the configuration's cells (`cells.0.kernel`), sorted so; every other name as it is.
 */
export function orderCells(weights: NamedTensors, config: JsonObject): NamedTensors {
  const inner = (key: string): JsonObject => {
    const layer = config[key] ?? config.layer;
    return isJsonObject(layer) && isJsonObject(layer.config) ? layer.config : {};
  };
  const ordered = new Map(
    [...weights].map(([name, tensor]) => {
      const [, direction = '', group, rest] =
        /^((?:forward|backward)_layer\.)?cells\.([a-z]\w*)\.(.+)$/.exec(name) ?? [];
      if (group === undefined) return [name, tensor];
      const own = direction === '' ? config : inner(direction === 'forward_layer.' ? 'layer' : 'backward_layer');
      const index = groupNames((stackedCells(own) ?? []).map(classNameOf)).indexOf(group);
      return [index < 0 ? name : `${direction}cells.${index}.${rest}`, tensor];
    }),
  );
  return inKerasOrder(ordered);
}

/** In the order of Keras' `layer.weights`: forward first, cell by cell, kernel, recurrent_kernel, bias. */
export function inKerasOrder(weights: NamedTensors): NamedTensors {
  const rank = (name: string): number[] => {
    const [, cell = '0'] = /(?:^|\.)cells\.(\d+)\./.exec(name) ?? [];
    return [name.startsWith('backward_layer.') ? 1 : 0, Number(cell), VARIABLES.indexOf(name.split('.').at(-1) ?? '')];
  };
  const compare = (a: number[], b: number[]) =>
    a.map((part, i) => part - b[i]).find((difference) => difference !== 0) ?? 0;
  return new Map([...weights].sort(([a], [b]) => compare(rank(a), rank(b))));
}

/** RNN over a cell that stands alone: a model is made of layers. */
export function asLayer(layer: WholeLayer): WholeLayer {
  const { name, className, weights } = layer;
  const config: JsonObject = { ...layer.config, name };
  if (RECURRENT_LAYERS.includes(className)) return { ...layer, config };
  const options = ['return_sequences', 'return_state', 'go_backwards', 'stateful', 'unroll', 'zero_output_for_mask'];
  const cell = serialized('keras.layers', className, layer.config, [null, featuresOf(weights)]);
  return {
    ...layer,
    className: 'RNN',
    config: {
      name,
      trainable: true,
      dtype: config.dtype ?? policy,
      ...Object.fromEntries(options.map((o) => [o, false])),
      cell,
    },
  };
}

/** A Sequential model of these layers, as `model.to_json()` has it; every layer but the last returns sequences. */
export function sequentialModel(name: string, layers: readonly WholeLayer[]): JsonObject {
  // A stateful layer keeps a state for each row, so Keras has to know how many there are.
  const batch = layers.some(({ config }) => isStateful(config)) ? 1 : null;
  const inputShape = [batch, null, featuresOf(layers[0].weights)];
  const input = serialized('keras.layers', 'InputLayer', {
    batch_shape: inputShape,
    dtype: 'float32',
    sparse: false,
    ragged: false,
    name: `${name}_input`,
    optional: false,
  });
  const chain = layers.map(({ className, config }, i) =>
    serialized('keras.layers', className, i < layers.length - 1 ? returningSequences(config) : config),
  );
  const config = { name, trainable: true, dtype: policy, layers: [input, ...chain], build_input_shape: inputShape };
  return serialized('keras', 'Sequential', config, inputShape);
}

function isStateful(config: JsonObject): boolean {
  const layers = ['layer', 'backward_layer'].map((key) => config[key]);
  return (
    config.stateful === true ||
    layers.some((one) => isJsonObject(one) && isJsonObject(one.config) && isStateful(one.config))
  );
}

/** A Bidirectional leaves this option to its two layers. */
function returningSequences(config: JsonObject): JsonObject {
  const inner = ['layer', 'backward_layer'].flatMap((key) => {
    const layer = config[key];
    return isJsonObject(layer) && isJsonObject(layer.config)
      ? [[key, { ...layer, config: returningSequences(layer.config) }]]
      : [];
  });
  return inner.length > 0 ? { ...config, ...Object.fromEntries(inner) } : { ...config, return_sequences: true };
}

const policy: JsonObject = {
  module: 'keras',
  class_name: 'DTypePolicy',
  config: { name: 'float32' },
  registered_name: null,
};

function serialized(module: string, className: string, config: JsonObject, inputShape?: Json): JsonObject {
  const object = { module, class_name: className, config, registered_name: null };
  return inputShape === undefined ? object : { ...object, build_config: { input_shape: inputShape } };
}

/** The first kernel's rows. */
function featuresOf(weights: NamedTensors): number {
  for (const [name, tensor] of weights) if (/(^|\.)kernel$/.test(name)) return tensor.shape[0];
  throw new RangeError('a layer without a kernel cannot be written');
}

export function classNameOf(object: JsonObject): string {
  return typeof object.class_name === 'string' ? object.class_name : '';
}

export function nameOf(object: JsonObject, otherwise: string): string {
  return isJsonObject(object.config) && typeof object.config.name === 'string' ? object.config.name : otherwise;
}

export function children(config: Json | undefined, key: string): JsonObject[] {
  const list = isJsonObject(config) ? config[key] : undefined;
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}
