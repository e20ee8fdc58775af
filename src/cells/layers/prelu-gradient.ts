import { float64 } from '../cell-row.ts';
import type { LayerGradient } from './layer-formula.ts';

/** dx = dy, where x ≤ 0 dy∘α; dα = dy∘min(x, 0). At 0 as TensorFlow: relu'(0) = 0 on both sides, so dx = 0. */
export const preluGradient: LayerGradient<'prelu'> = ({ params: { places }, arrays }) => {
  const alpha = float64(arrays.alpha);
  return ({ inputs: [x] }, dy, sums) => {
    const dx = new Float64Array(x.length);
    for (let i = 0; i < x.length; i++) {
      const place = places[i % places.length];
      if (x[i] < 0) sums.alpha[place] += dy[i] * x[i];
      dx[i] = x[i] > 0 ? dy[i] : x[i] < 0 ? dy[i] * alpha[place] : 0;
    }
    return [dx];
  };
};
