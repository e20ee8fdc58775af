import type { Framework } from '../domain/cell-definition.ts';
import type { JsonObject } from '../domain/json.ts';
import { type Dtype, isFloat, type Tensor } from '../domain/tensor.ts';
import { inferKeras } from './keras/infer-config.ts';
import { orderStacks } from './keras/order-stacks.ts';
import { inferOnnx } from './onnx/infer-config.ts';
import { inferPytorch } from './pytorch/infer-config.ts';

export interface InferredCell {
  readonly className: string;
  readonly config: JsonObject;
  /** Under the names that a cell of this config has. */
  readonly weights: ReadonlyMap<string, Tensor>;
}

interface Uninterpreted {
  readonly framework: Framework;
  readonly name: string;
  /** Where something tells it. */
  readonly className?: string;
  readonly weights: ReadonlyMap<string, Tensor>;
}

/**
 * The class and config of weights that come without: sizes, biases, stacks and directions from names and shapes, the
 * dtype where all have the same. What these do not tell (activations, merge_mode, return_sequences …) is the class's
 * default.
 * @throws {Problem} invalid-file where no class has such weights
 */
export function inferCell({ framework, name, className, weights: sent }: Uninterpreted): InferredCell {
  const weights = framework === 'keras' ? orderStacks(sent) : sent;
  const shapes = new Map([...weights].map(([key, { shape }]) => [key, shape]));
  const dtype = commonDtype(weights);
  if (framework === 'keras') return { ...inferKeras(shapes, { className, name, dtype }), weights };
  if (framework === 'pytorch') return { ...inferPytorch(shapes, dtype), weights };
  return { ...inferOnnx(shapes, dtype), weights };
}

function commonDtype(weights: ReadonlyMap<string, Tensor>): Dtype | undefined {
  const dtypes = new Set([...weights.values()].map(({ dtype }) => dtype));
  const [dtype] = dtypes;
  return dtypes.size === 1 && isFloat(dtype) ? dtype : undefined;
}
