import type { LayerFormula } from './layer-formula.ts';

/** What 1/‖x‖ is at most. */
export const MOST_INVERSE = 1e12;

/** 1/‖x‖₂ of a row, at most MOST_INVERSE. */
export function inverseNorm(row: Float64Array): number {
  let sum = 0;
  for (const value of row) sum += value * value;
  return Math.min(1 / Math.sqrt(sum), MOST_INVERSE);
}

/** y = x/‖x‖₂ over each row. Keras _normalize of order 2 with epsilon 1e-12 (keras/src/ops/nn.py). */
export const unitNormalization: LayerFormula<'unit_normalization'> = ({ rowWidth: width }) => {
  return ([x]) => {
    const y = new Float64Array(x.length);
    for (let from = 0; from < x.length; from += width) {
      const inverse = inverseNorm(x.subarray(from, from + width));
      for (let k = from; k < from + width; k++) y[k] = x[k] * inverse;
    }
    return y;
  };
};
