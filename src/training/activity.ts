import type { NamedSpec } from '../domain/learning.ts';
import type { FloatArray } from '../domain/tensor.ts';
import { REGULARIZERS } from './regularizers/regularizers.ts';

export interface ActivityCost {
  readonly cost: number;
  /** d cost / d outputs. */
  readonly gradient: Float64Array;
}

/**
 * What the outputs of a layer cost by its activity regularizer, masked ones too, over the rows of the batch. Keras Layer.__call__
 * (keras/src/layers/layer.py).
 */
export function activityCost({ className, params }: NamedSpec, outputs: FloatArray, batch: number): ActivityCost {
  const gradient = new Float64Array(outputs.length);
  const sum = REGULARIZERS[className](params)(outputs, [outputs.length], gradient);
  for (let i = 0; i < gradient.length; i++) gradient[i] /= batch;
  return { cost: sum / batch, gradient };
}
