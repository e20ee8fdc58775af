import type { FileLayer, NamedTensors } from '../domain/files.ts';
import type { JsonObject } from '../domain/json.ts';
import { type Dtype, isFloat } from '../domain/tensor.ts';
import { type LayerOptions, requireSaid, withOptions } from './file-options.ts';
import { inferKeras } from './keras/infer-config.ts';
import { modernConfig } from './keras/keras2-config.ts';
import { networkClass } from './keras/networks/network-config.ts';
import { networkWeights } from './keras/networks/network-weights.ts';
import { orderStacks } from './keras/order-stacks.ts';
import { completeAttributes, inferOnnx } from './onnx/infer-config.ts';
import { inferPytorch } from './pytorch/infer-config.ts';

export interface InferredCell {
  readonly className: string;
  readonly config: JsonObject;
  /** Under the names that a cell of this config has. */
  readonly weights: NamedTensors;
}

/**
 * The cell that a layer of a file is: by its own config, or by what its weights tell, with the options over that.
 * @throws {Problem} ambiguous-file where the file leaves open what the options do not say; invalid-file where it has no
 * config and no class has such weights; invalid-value at an option that has no place
 */
export function cellOfLayer(layer: FileLayer, sent: LayerOptions = { config: {} }): InferredCell {
  const cell = ofFile(sent.className === undefined ? layer : { ...layer, className: sent.className });
  requireSaid(layer, cell.className, sent);
  return { ...cell, config: withOptions(cell.config, sent.config) };
}

function ofFile(layer: FileLayer): InferredCell {
  const { framework, className, config, weights, version } = layer;
  if (className === undefined || config === undefined) return inferCell(layer);
  const network = framework === 'keras' ? networkClass(className) : undefined;
  if (network) return { className, config, weights: networkWeights(network, config, weights) };
  if (framework === 'keras') return { className, config: modernConfig(config, version), weights };
  if (framework === 'onnx') return { className, config: completeAttributes(config, weights), weights };
  return { className, config, weights };
}

/**
 * The class and config of weights that come without: sizes, biases, stacks and directions from names and shapes, the
 * dtype where all have the same. What these do not tell (activations, merge_mode, return_sequences …) is the class's
 * default.
 * @throws {Problem} invalid-file where no class has such weights
 */
export function inferCell({ framework, name, className, weights: sent }: FileLayer): InferredCell {
  const weights = framework === 'keras' ? orderStacks(sent) : sent;
  const shapes = new Map([...weights].map(([key, { shape }]) => [key, shape]));
  const dtype = commonDtype(weights);
  if (framework === 'keras') return { ...inferKeras(shapes, { className, name, dtype }), weights };
  if (framework === 'pytorch') return { ...inferPytorch(shapes, dtype), weights };
  return { ...inferOnnx(shapes, dtype), weights };
}

function commonDtype(weights: NamedTensors): Dtype | undefined {
  const dtypes = new Set([...weights.values()].map(({ dtype }) => dtype));
  const [dtype] = dtypes;
  return dtypes.size === 1 && isFloat(dtype) ? dtype : undefined;
}
