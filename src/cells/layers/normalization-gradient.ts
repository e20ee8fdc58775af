import type { LayerGradient } from './layer-formula.ts';
import { deviations } from './normalization.ts';

/** dx = dy/deviation, or with `invert` dy·deviation; the statistics are not trained. */
export const normalizationGradient: LayerGradient<'normalization'> = ({ params: { invert }, arrays }) => {
  const deviation = deviations(arrays.variance);
  const n = deviation.length;
  return (_, dy) => [dy.map((d, i) => (invert ? d * deviation[i % n] : d / deviation[i % n]))];
};
