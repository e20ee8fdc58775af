import { float64 } from '../cell-row.ts';
import type { LayerGradient } from './layer-formula.ts';
import { meanSquare } from './rms-normalization.ts';

/** Back through y = x·r·g, r = 1/√(mean(x²) + ε): dg = dy∘x·r   with d = dy∘g: dx = r·d - x·r³·Σ(d∘x)/n */
export const rmsNormalizationGradient: LayerGradient<'rms_normalization'> = ({ params, arrays, rowWidth: n }) => {
  const g = float64(arrays.scale);
  return ({ inputs: [x] }, dy, sums) => {
    const dx = new Float64Array(x.length);
    for (let from = 0; from < x.length; from += n) {
      const r = 1 / Math.sqrt(meanSquare(x.subarray(from, from + n)) + params.epsilon);
      let along = 0;
      for (let k = 0; k < n; k++) {
        sums.scale[k] += dy[from + k] * x[from + k] * r;
        along += dy[from + k] * g[k] * x[from + k];
      }
      for (let k = 0; k < n; k++) dx[from + k] = r * dy[from + k] * g[k] - (x[from + k] * r ** 3 * along) / n;
    }
    return [dx];
  };
};
