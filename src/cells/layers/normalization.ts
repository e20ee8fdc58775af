import type { FloatArray } from '../../domain/tensor.ts';
import { float64 } from '../cell-row.ts';
import type { LayerFormula } from './layer-formula.ts';

/** Keras' epsilon. */
const LEAST_DEVIATION = 1e-7;

/** √variance by feature, at least Keras' epsilon. */
export function deviations(variance: FloatArray): Float64Array {
  return float64(variance).map((value) => Math.max(Math.sqrt(value), LEAST_DEVIATION));
}

/** y = (x - mean)/deviation by feature, or with `invert` y = mean + x·deviation. Keras Normalization.call. */
export const normalization: LayerFormula<'normalization'> = ({ params: { invert }, arrays }) => {
  const mean = float64(arrays.mean);
  const deviation = deviations(arrays.variance);
  const n = mean.length;
  return ([x]) =>
    invert
      ? x.map((value, i) => mean[i % n] + value * deviation[i % n])
      : x.map((value, i) => (value - mean[i % n]) / deviation[i % n]);
};
