import { float64 } from '../cell-row.ts';
import type { LayerFormula } from './layer-formula.ts';

/** The mean of a row and its biased variance. */
export function moments(row: Float64Array): { readonly mean: number; readonly variance: number } {
  let sum = 0;
  for (const value of row) sum += value;
  const mean = sum / row.length;
  let squares = 0;
  for (const value of row) squares += (value - mean) ** 2;
  return { mean, variance: squares / row.length };
}

/**
 * y = (x - mean)/√(variance + ε)·γ + β over each row; with rms scaling y = x/√(variance + ε)·γ, without β.
 * Keras _layer_normalization (keras/src/ops/nn.py).
 */
export const layerNormalization: LayerFormula<'layer_normalization'> = ({ params, arrays, rowWidth: width }) => {
  const { epsilon, rmsScaling } = params;
  const gamma = arrays.gamma && float64(arrays.gamma);
  const beta = !rmsScaling && arrays.beta ? float64(arrays.beta) : undefined;
  return ([x]) => {
    const y = new Float64Array(x.length);
    for (let from = 0; from < x.length; from += width) {
      const { mean, variance } = moments(x.subarray(from, from + width));
      const scale = 1 / Math.sqrt(variance + epsilon);
      const shift = rmsScaling ? 0 : mean;
      for (let k = 0; k < width; k++) {
        y[from + k] = (x[from + k] - shift) * scale * (gamma ? gamma[k] : 1) + (beta ? beta[k] : 0);
      }
    }
    return y;
  };
};
