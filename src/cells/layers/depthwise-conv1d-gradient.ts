import { float64 } from '../cell-row.ts';
import { addTo } from '../step-gradient.ts';
import type { LayerGradient } from './layer-formula.ts';

/** Back through `depthwise`: dW[tap, c, j] += x[tap, c]·dy[c·m + j]; returns dx[tap, c] = Σ_j W[tap, c, j]·dy[c·m + j]. */
export function pullDepthwise(
  x: Float64Array,
  W: Float64Array,
  taps: number,
  dy: Float64Array,
  kernelSums: Float64Array,
): Float64Array {
  const features = x.length / taps;
  const m = dy.length / features;
  const dx = new Float64Array(x.length);
  for (let tap = 0; tap < taps; tap++) {
    for (let k = 0; k < dy.length; k++) {
      const [from, weight] = [tap * features + Math.floor(k / m), tap * dy.length + k];
      kernelSums[weight] += x[from] * dy[k];
      dx[from] += W[weight] * dy[k];
    }
  }
  return dx;
}

/** db = dy, and the rest as pullDepthwise. */
export const depthwiseConv1dGradient: LayerGradient<'depthwise_conv1d'> = ({ params: { taps }, arrays }) => {
  const W = float64(arrays.kernel);
  return ({ inputs: [x] }, dy, sums) => {
    addTo(sums.bias, dy);
    return [pullDepthwise(x, W, taps, dy, sums.kernel)];
  };
};
