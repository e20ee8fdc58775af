import { float64 } from '../cell-row.ts';
import type { LayerFormula } from './layer-formula.ts';

/** The mean of a row's squares. */
export function meanSquare(row: Float64Array): number {
  let sum = 0;
  for (const value of row) sum += value * value;
  return sum / row.length;
}

/** y = x/√(mean(x²) + ε)·scale over each row. Keras _rms_normalization (keras/src/ops/nn.py). */
export const rmsNormalization: LayerFormula<'rms_normalization'> = ({ params, arrays, rowWidth: width }) => {
  const scale = float64(arrays.scale);
  return ([x]) => {
    const y = new Float64Array(x.length);
    for (let from = 0; from < x.length; from += width) {
      const r = 1 / Math.sqrt(meanSquare(x.subarray(from, from + width)) + params.epsilon);
      for (let k = 0; k < width; k++) y[from + k] = x[from + k] * r * scale[k];
    }
    return y;
  };
};
