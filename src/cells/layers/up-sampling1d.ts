import type { LayerFormula, LayerGradient } from './layer-formula.ts';

/** Each step `times` times. Keras UpSampling1D.call. */
export const upSampling1d: LayerFormula<'up_sampling1d'> = ({ params: { times }, outputWidth: width }) => {
  return ([x]) =>
    Float64Array.from({ length: times * x.length }, (_, i) => x[Math.floor(i / (times * width)) * width + (i % width)]);
};

/** dx = Σ over the copies of dy */
export const upSampling1dGradient: LayerGradient<'up_sampling1d'> = ({ params: { times }, outputWidth: width }) => {
  return ({ inputs: [x] }, dy) => {
    const dx = new Float64Array(x.length);
    for (let i = 0; i < dy.length; i++) dx[Math.floor(i / (times * width)) * width + (i % width)] += dy[i];
    return [dx];
  };
};
