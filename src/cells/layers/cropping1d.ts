import type { LayerFormula, LayerGradient } from './layer-formula.ts';

/** Without the first `before` and the last `after` steps. Keras Cropping1D.call. */
export const cropping1d: LayerFormula<'cropping1d'> = ({ params: { before, after }, outputWidth: width }) => {
  return ([x], { time }) => x.slice(before * width, Math.max(before, time - after) * width);
};

/** Zeros for the steps that were left out. */
export const cropping1dGradient: LayerGradient<'cropping1d'> = ({ params: { before }, outputWidth: width }) => {
  return ({ inputs: [x] }, dy) => {
    const dx = new Float64Array(x.length);
    dx.set(dy, before * width);
    return [dx];
  };
};
