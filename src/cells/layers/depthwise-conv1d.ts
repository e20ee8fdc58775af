import { float64 } from '../cell-row.ts';
import type { LayerFormula } from './layer-formula.ts';

/** y[c·m + j] = Σ_tap x[tap, c]·W[tap, c, j], m numbers of each feature; x [taps, features], W [taps, features, m]. */
export function depthwise(x: Float64Array, W: Float64Array, taps: number, y: Float64Array): Float64Array {
  const features = x.length / taps;
  const m = y.length / features;
  for (let tap = 0; tap < taps; tap++) {
    for (let k = 0; k < y.length; k++) y[k] += x[tap * features + Math.floor(k / m)] * W[tap * y.length + k];
  }
  return y;
}

/** Each feature by a kernel of its own, then the bias. Keras DepthwiseConv1D. */
export const depthwiseConv1d: LayerFormula<'depthwise_conv1d'> = (layer) => {
  const W = float64(layer.arrays.kernel);
  const b = layer.arrays.bias && float64(layer.arrays.bias);
  return ([x]) => depthwise(x, W, layer.params.taps, b ? b.slice() : new Float64Array(layer.outputWidth));
};
