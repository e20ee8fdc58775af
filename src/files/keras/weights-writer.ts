import type { NamedTensors, WholeLayer } from '../../domain/files.ts';
import { isJsonObject, type JsonObject } from '../../domain/json.ts';
import { Tensor } from '../../domain/tensor.ts';
import { snakeCase } from '../../domain/words.ts';
import { encodeElements } from '../elements.ts';
import { type HdfAttributes, type HdfDataset, type HdfTree, parentOf } from '../hdf5/tree.ts';
import { asLayer, classNameOf, DIRECTIONS, groupNames, nameOf, stackedCells, VARIABLES } from './model.ts';

/** The tree of a `.weights.h5` of a Sequential model of these layers, in Keras 3's layout. */
export function treeOfWeights(modelName: string, layers: readonly WholeLayer[]): HdfTree {
  const groups = new Map<string, HdfAttributes>([['', {}]]);
  const datasets = new Map<string, HdfDataset>();

  function addGroup(path: string, attributes: HdfAttributes = {}): void {
    const parent = parentOf(path);
    if (parent !== '' && !groups.has(parent)) addGroup(parent);
    groups.set(path, attributes);
  }

  function addCell(path: string, name: string, prefix: string, weights: NamedTensors): void {
    addGroup(`${path}/vars`, { name });
    VARIABLES.forEach((variable, i) => {
      const tensor = weights.get(`${prefix}${variable}`);
      if (tensor) datasets.set(`${path}/vars/${i}`, asDataset(tensor));
    });
  }

  function addLayer(path: string, className: string, config: JsonObject, prefix: string, weights: NamedTensors): void {
    addGroup(`${path}/vars`, { name: nameOf({ config }, snakeCase(className)) });
    if (className === 'Bidirectional') {
      for (const direction of DIRECTIONS) {
        const layer = config[direction === 'backward_layer' ? direction : 'layer'] ?? config.layer;
        const inner = isJsonObject(layer) ? layer : {};
        const own = isJsonObject(inner.config) ? inner.config : {};
        addLayer(`${path}/${direction}`, classNameOf(inner), own, `${prefix}${direction}.`, weights);
      }
      return;
    }
    const cells = stackedCells(config);
    const cell = isJsonObject(config.cell) ? config.cell : { class_name: `${className}Cell` };
    if (!cells) {
      addCell(`${path}/cell`, nameOf(cell, snakeCase(classNameOf(cell))), prefix, weights);
      return;
    }
    addGroup(`${path}/cell/vars`, { name: nameOf(cell, 'stacked_rnn_cells') });
    groupNames(cells.map(classNameOf)).forEach((group, i) => {
      addCell(`${path}/cell/cells/${group}`, nameOf(cells[i], group), `${prefix}cells.${i}.`, weights);
    });
  }

  const whole = layers.map(asLayer);
  const paths = groupNames(whole.map(({ className }) => className));
  whole.forEach(({ className, config, weights }, i) => {
    addLayer(`layers/${paths[i]}`, className, config, '', weights);
  });
  addGroup('vars', { name: modelName });
  return { groups, datasets, unread: new Map() };
}

/** Uses float32 for types that h5wasm lacks: it holds every float16, bfloat16 and bool, and Keras casts when it loads. */
export function asDataset(tensor: Tensor): HdfDataset {
  const { shape, data } = tensor;
  if (data instanceof Float64Array) return { type: 'f64', shape, bytes: encodeElements(tensor) };
  if (data instanceof Int32Array) return { type: 'i32', shape, bytes: encodeElements(tensor) };
  if (data instanceof BigInt64Array) return { type: 'i64', shape, bytes: encodeElements(tensor) };
  return { type: 'f32', shape, bytes: encodeElements(new Tensor('float32', shape, new Float32Array(data))) };
}
