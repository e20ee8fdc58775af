import type { LayerGradient } from './layer-formula.ts';
import { inverseNorm, MOST_INVERSE } from './unit-normalization.ts';

/** Back through y = x·i, i = 1/‖x‖: dx = i·(dy - y·Σ(dy∘y)); where i is bounded dx = i·dy. */
export const unitNormalizationGradient: LayerGradient<'unit_normalization'> = ({ rowWidth: width }) => {
  return ({ inputs: [x], output: y }, dy) => {
    const dx = new Float64Array(x.length);
    for (let from = 0; from < x.length; from += width) {
      const inverse = inverseNorm(x.subarray(from, from + width));
      let along = 0;
      if (inverse < MOST_INVERSE) for (let k = from; k < from + width; k++) along += dy[k] * y[k];
      for (let k = from; k < from + width; k++) dx[k] = inverse * (dy[k] - y[k] * along);
    }
    return [dx];
  };
};
