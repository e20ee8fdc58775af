import type { LayerGradient } from './layer-formula.ts';
import { pools } from './pooling1d.ts';

/** dy goes to the largest number of its pool, the first of those that are equal. */
export const maxPooling1dGradient: LayerGradient<'max_pooling1d'> = ({ params, outputWidth: width }) => {
  return ({ inputs: [x], unit: { time } }, dy) => {
    const dx = new Float64Array(x.length);
    for (const [n, [from, to]] of pools(params, time).entries()) {
      for (let k = 0; k < width; k++) {
        let at = from * width + k;
        for (let t = from + 1; t < to; t++) if (x[t * width + k] > x[at]) at = t * width + k;
        dx[at] += dy[n * width + k];
      }
    }
    return [dx];
  };
};

/** dy is shared out over its pool. */
export const averagePooling1dGradient: LayerGradient<'average_pooling1d'> = ({ params, outputWidth: width }) => {
  return ({ inputs: [x], unit: { time } }, dy) => {
    const dx = new Float64Array(x.length);
    for (const [n, [from, to]] of pools(params, time).entries()) {
      for (let i = from * width; i < to * width; i++) dx[i] += dy[n * width + (i % width)] / (to - from);
    }
    return [dx];
  };
};
