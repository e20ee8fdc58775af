import type { LayerGradient } from './layer-formula.ts';

/** dy goes to the largest number of each feature, shared where several are as large, as TensorFlow's reduce_max does. */
export const globalMaxPooling1dGradient: LayerGradient<'global_max_pooling1d'> = ({ outputWidth: width }) => {
  return ({ inputs: [x], output: y }, dy) => {
    const ties = new Float64Array(width);
    for (let i = 0; i < x.length; i++) if (x[i] === y[i % width]) ties[i % width]++;
    return [x.map((value, i) => (value === y[i % width] ? dy[i % width] / ties[i % width] : 0))];
  };
};

/** dy is shared out over the steps that are not masked. */
export const globalAveragePooling1dGradient: LayerGradient<'global_average_pooling1d'> = ({ outputWidth: width }) => {
  return ({ inputs: [x], unit: { time, mask } }, dy) => {
    const live = mask ? mask.reduce((sum, one) => sum + one, 0) : time;
    return [x.map((_, i) => (mask?.[Math.floor(i / width)] === 0 ? 0 : dy[i % width] / live))];
  };
};
