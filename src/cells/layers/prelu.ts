import { float64 } from '../cell-row.ts';
import type { LayerFormula } from './layer-formula.ts';

/** y = max(x, 0) + α∘min(x, 0), α shared along some axes: `places` tells where each number finds its own. Keras PReLU.call. */
export const prelu: LayerFormula<'prelu'> = ({ params: { places }, arrays }) => {
  const alpha = float64(arrays.alpha);
  return ([x]) => x.map((value, i) => (value > 0 ? value : alpha[places[i % places.length]] * value));
};
