import { float64 } from '../cell-row.ts';
import type { LayerFormula } from './layer-formula.ts';

/**
 * y = (x - moving mean)/√(moving variance + ε)·γ + β, by feature: in evaluation. Keras BatchNormalization.call; training is in
 * batch-normalization-training.ts.
 */
export const batchNormalization: LayerFormula<'batch_normalization'> = ({ params, arrays, rowWidth: width }) => {
  const mean = float64(arrays.moving_mean);
  const variance = float64(arrays.moving_variance);
  const gamma = arrays.gamma && float64(arrays.gamma);
  const beta = arrays.beta && float64(arrays.beta);
  const scale = variance.map((value, k) => (1 / Math.sqrt(value + params.epsilon)) * (gamma ? gamma[k] : 1));
  return ([x]) => x.map((value, i) => (value - mean[i % width]) * scale[i % width] + (beta ? beta[i % width] : 0));
};
