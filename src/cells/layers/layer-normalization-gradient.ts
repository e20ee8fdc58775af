import { float64 } from '../cell-row.ts';
import type { LayerGradient } from './layer-formula.ts';
import { moments } from './layer-normalization.ts';

/**
 * Back through y = x̂·γ + β, x̂ = (x - mean)·s, s = 1/√(variance + ε), n numbers a row:
 * dβ = dy   dγ = dy∘x̂   with d = dy∘γ: dx = s·(d - Σd/n - x̂·Σ(d∘x̂)/n)
 * With rms scaling y = x·s·γ: dγ = dy∘x·s   dx = d·s - s³·(x - mean)·Σ(d∘x)/n
 */
export const layerNormalizationGradient: LayerGradient<'layer_normalization'> = ({ params, arrays, rowWidth: n }) => {
  const { epsilon, rmsScaling } = params;
  const gamma = arrays.gamma && float64(arrays.gamma);
  return ({ inputs: [x] }, dy, sums) => {
    const dx = new Float64Array(x.length);
    for (let from = 0; from < x.length; from += n) {
      const { mean, variance } = moments(x.subarray(from, from + n));
      const s = 1 / Math.sqrt(variance + epsilon);
      const shift = rmsScaling ? 0 : mean;
      let total = 0;
      let along = 0;
      for (let k = 0; k < n; k++) {
        const normal = (x[from + k] - shift) * s;
        const d = dy[from + k] * (gamma ? gamma[k] : 1);
        if (sums.gamma) sums.gamma[k] += dy[from + k] * normal;
        if (sums.beta) sums.beta[k] += dy[from + k];
        total += d;
        along += d * normal;
      }
      for (let k = 0; k < n; k++) {
        const d = dy[from + k] * (gamma ? gamma[k] : 1);
        const centred = (x[from + k] - mean) * s;
        dx[from + k] = s * (d - (rmsScaling ? 0 : total / n) - (centred * along) / n);
      }
    }
    return [dx];
  };
};
