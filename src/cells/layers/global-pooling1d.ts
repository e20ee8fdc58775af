import type { LayerFormula } from './layer-formula.ts';

/** The largest number of each feature over all steps, -∞ where there are none; a mask is not looked at. Keras GlobalMaxPooling1D.call. */
export const globalMaxPooling1d: LayerFormula<'global_max_pooling1d'> = ({ outputWidth: width }) => {
  return ([x]) => {
    const y = new Float64Array(width).fill(Number.NEGATIVE_INFINITY);
    for (let i = 0; i < x.length; i++) y[i % width] = Math.max(y[i % width], x[i]);
    return y;
  };
};

/** The mean of each feature over the steps that are not masked. Keras GlobalAveragePooling1D.call. */
export const globalAveragePooling1d: LayerFormula<'global_average_pooling1d'> = ({ outputWidth: width }) => {
  return ([x], { time, mask }) => {
    const y = new Float64Array(width);
    for (let i = 0; i < x.length; i++) if (mask?.[Math.floor(i / width)] !== 0) y[i % width] += x[i];
    const live = mask ? mask.reduce((sum, one) => sum + one, 0) : time;
    return y.map((sum) => sum / live);
  };
};
