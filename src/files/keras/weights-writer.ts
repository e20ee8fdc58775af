import type { NamedTensors, WholeLayer } from '../../domain/files.ts';
import { isJsonObject, type JsonObject } from '../../domain/json.ts';
import { Problem } from '../../domain/problems.ts';
import { Tensor } from '../../domain/tensor.ts';
import { snakeCase } from '../../domain/words.ts';
import { elementBytes } from '../elements.ts';
import { type HdfAttributes, type HdfDataset, type HdfTree, parentOf } from '../hdf5/tree.ts';
import { configuredLayers, isRecurrentClass } from './configured-layers.ts';
import { asLayer, classNameOf, DIRECTIONS, groupNames, nameOf, stackedCells, VARIABLES } from './model.ts';

/** The tree of a `.weights.h5` of a Sequential model of these layers, in Keras 3's layout. */
export function treeOfWeights(modelName: string, layers: readonly WholeLayer[]): HdfTree {
  const tree = new WeightsTree();
  const whole = layers.map(asLayer);
  const paths = groupNames(whole.map(({ className }) => className));
  whole.forEach(({ className, config, weights }, i) => {
    tree.addLayer(`layers/${paths[i]}`, className, config, '', weights);
  });
  tree.addGroup('vars', { name: modelName });
  return tree;
}

/**
 * The tree of a `.weights.h5` of a whole network: each layer's arrays where `configuredLayers` finds them.
 * @throws {Problem} not-acceptable if the layout has no place for a weight
 */
export function treeOfNetwork(network: WholeLayer): HdfTree {
  const { name: id, className, config, weights } = network;
  const tree = new WeightsTree();
  const variables = variablesByPlace(weights);
  for (const layer of configuredLayers({ class_name: className, config })) {
    if (isRecurrentClass(layer)) {
      tree.addLayer(layer.path, layer.className, layer.config, `${layer.place}.`, weights);
    } else {
      tree.addVariables(layer.path, layer.name, variables.get(layer.place) ?? []);
    }
  }
  tree.addGroup('vars', { name: nameOf({ config }, id) });
  requireAll(network, tree);
  return tree;
}

/** @throws {Problem} not-acceptable if the tree has fewer arrays than the network has weights */
export function requireAll({ name, weights }: WholeLayer, { datasets }: HdfTree): void {
  if (datasets.size === weights.size) return;
  const detail = `Cell '${name}' has weights that no file of Keras has a place for. Ask for application/x-safetensors.`;
  throw new Problem('not-acceptable', detail);
}

/** The variables of layers that are not recurrent, whose names have no dots, by the places of the layers. */
export function variablesByPlace(weights: NamedTensors): Map<string, [string, Tensor][]> {
  const places = Map.groupBy(weights, ([name]) => name.slice(0, Math.max(0, name.lastIndexOf('.'))));
  const own = [...places].map(([place, named]): [string, [string, Tensor][]] => [
    place,
    named.map(([name, tensor]) => [name.slice(place.length + 1), tensor]),
  ]);
  return new Map(own);
}

class WeightsTree implements HdfTree {
  readonly groups = new Map<string, HdfAttributes>([['', {}]]);
  readonly datasets = new Map<string, HdfDataset>();
  readonly unread = new Map<string, string>();

  addGroup(path: string, attributes: HdfAttributes = {}): void {
    const parent = parentOf(path);
    if (parent !== '' && !this.groups.has(parent)) this.addGroup(parent);
    this.groups.set(path, attributes);
  }

  /** The variables that an object itself has, in Keras' order. */
  addVariables(path: string, name: string, variables: readonly (readonly [string, Tensor])[]): void {
    this.addGroup(`${path}/vars`, { name });
    variables.forEach(([, tensor], i) => {
      this.datasets.set(`${path}/vars/${i}`, asDataset(tensor));
    });
  }

  /** A recurrent layer, whose variables have `prefix` before their names. */
  addLayer(path: string, className: string, config: JsonObject, prefix: string, weights: NamedTensors): void {
    this.addGroup(`${path}/vars`, { name: nameOf({ config }, snakeCase(className)) });
    if (className === 'Bidirectional') {
      for (const direction of DIRECTIONS) {
        const layer = config[direction === 'backward_layer' ? direction : 'layer'] ?? config.layer;
        const inner = isJsonObject(layer) ? layer : {};
        const own = isJsonObject(inner.config) ? inner.config : {};
        this.addLayer(`${path}/${direction}`, classNameOf(inner), own, `${prefix}${direction}.`, weights);
      }
      return;
    }
    const cells = stackedCells(config);
    const cell = isJsonObject(config.cell) ? config.cell : { class_name: `${className}Cell` };
    if (!cells) {
      this.addCell(`${path}/cell`, nameOf(cell, snakeCase(classNameOf(cell))), prefix, weights);
      return;
    }
    this.addGroup(`${path}/cell/vars`, { name: nameOf(cell, 'stacked_rnn_cells') });
    groupNames(cells.map(classNameOf)).forEach((group, i) => {
      this.addCell(`${path}/cell/cells/${group}`, nameOf(cells[i], group), `${prefix}cells.${i}.`, weights);
    });
  }

  private addCell(path: string, name: string, prefix: string, weights: NamedTensors): void {
    const variables = VARIABLES.flatMap((variable): [string, Tensor][] => {
      const tensor = weights.get(`${prefix}${variable}`);
      return tensor ? [[variable, tensor]] : [];
    });
    this.addVariables(path, name, variables);
  }
}

/** Uses float32 for types that h5wasm lacks: it holds every float16, bfloat16 and bool, and Keras casts when it loads. */
export function asDataset(tensor: Tensor): HdfDataset {
  const { shape, data } = tensor;
  if (data instanceof Float64Array) return { type: 'f64', shape, bytes: elementBytes(tensor) };
  if (data instanceof Int32Array) return { type: 'i32', shape, bytes: elementBytes(tensor) };
  if (data instanceof BigInt64Array) return { type: 'i64', shape, bytes: elementBytes(tensor) };
  const floats = data instanceof Float32Array ? data : new Float32Array(data);
  return { type: 'f32', shape, bytes: elementBytes(new Tensor('float32', shape, floats)) };
}
