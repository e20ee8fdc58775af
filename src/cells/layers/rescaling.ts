import type { LayerFormula, LayerGradient } from './layer-formula.ts';

/** y = x·scale + offset, each a number or one for each feature. Keras Rescaling.call. */
export const rescaling: LayerFormula<'rescaling'> = ({ params: { scale, offset } }) => {
  return ([x]) => x.map((value, i) => value * scale[i % scale.length] + offset[i % offset.length]);
};

/** dx = dy·scale */
export const rescalingGradient: LayerGradient<'rescaling'> = ({ params: { scale } }) => {
  return (_, dy) => [dy.map((d, i) => d * scale[i % scale.length])];
};
