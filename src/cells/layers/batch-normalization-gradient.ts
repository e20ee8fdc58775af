import { float64 } from '../cell-row.ts';
import type { LayerGradient } from './layer-formula.ts';

/** Back through y = x̂·γ + β, x̂ = (x - mean)·s, of moving statistics: dβ = dy   dγ = dy∘x̂   dx = dy∘γ·s */
export const batchNormalizationGradient: LayerGradient<'batch_normalization'> = ({ params, arrays, rowWidth: n }) => {
  const mean = float64(arrays.moving_mean);
  const s = float64(arrays.moving_variance).map((value) => 1 / Math.sqrt(value + params.epsilon));
  const gamma = arrays.gamma && float64(arrays.gamma);
  return ({ inputs: [x] }, dy, sums) => {
    for (let i = 0; i < x.length; i++) {
      const k = i % n;
      if (sums.gamma) sums.gamma[k] += dy[i] * (x[i] - mean[k]) * s[k];
      if (sums.beta) sums.beta[k] += dy[i];
    }
    return [dy.map((d, i) => d * s[i % n] * (gamma ? gamma[i % n] : 1))];
  };
};
