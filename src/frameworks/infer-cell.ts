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
 * The cell of a layer in a file: from its own config, or from its weights, with the options applied.
 * @throws {Problem} ambiguous-file if neither file nor options tell what is needed; invalid-file if there is no config and no
 * class has such weights; invalid-value for an option without a place
 */
export function* cellOfLayer(layer: FileLayer, sent: LayerOptions = { config: {} }): Generator<void, InferredCell> {
  const cell = yield* ofFile(sent.className === undefined ? layer : { ...layer, className: sent.className });
  requireSaid(layer, cell.className, sent);
  return { ...cell, config: withOptions(cell.config, sent.config) };
}

function* ofFile(layer: FileLayer): Generator<void, InferredCell> {
  const { framework, className, config, weights, version } = layer;
  if (className === undefined || config === undefined) return inferCell(layer);
  const network = framework === 'keras' ? networkClass(className) : undefined;
  if (network) return { className, config, weights: yield* networkWeights(network, config, weights) };
  if (framework === 'keras') return { className, config: modernConfig(config, version), weights };
  if (framework === 'onnx') return { className, config: completeAttributes(config, weights), weights };
  return { className, config, weights };
}

/**
 * The class and config of weights without a config: sizes, biases, stacks and directions come from names and shapes, and the
 * dtype if all weights share one. Other options (activations, merge_mode, return_sequences …) get the class's defaults.
 * @throws {Problem} invalid-file if no class has such weights
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
