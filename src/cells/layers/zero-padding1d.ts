import type { LayerFormula, LayerGradient } from './layer-formula.ts';

/** Zeros for `before` steps in front and `after` steps behind. Keras ZeroPadding1D.call. */
export const zeroPadding1d: LayerFormula<'zero_padding1d'> = ({ params: { before, after }, outputWidth: width }) => {
  return ([x]) => {
    const y = new Float64Array(x.length + (before + after) * width);
    y.set(x, before * width);
    return y;
  };
};

/** dx is the part of dy that is not padding. */
export const zeroPadding1dGradient: LayerGradient<'zero_padding1d'> = ({ params: { before }, outputWidth: width }) => {
  return ({ inputs: [x] }, dy) => [dy.slice(before * width, before * width + x.length)];
};
