import { float64 } from '../cell-row.ts';
import { pullGateProducts } from '../gate-product.ts';
import { addTo } from '../step-gradient.ts';
import { depthwise } from './depthwise-conv1d.ts';
import { pullDepthwise } from './depthwise-conv1d-gradient.ts';
import type { LayerGradient } from './layer-formula.ts';

/** Back through y = u·P + b, u = depthwise(x, D): db = dy   dP = uᵀ·dy   du = dy·Pᵀ, and on to D and x. */
export const separableConv1dGradient: LayerGradient<'separable_conv1d'> = ({
  params: { taps },
  arrays,
  outputWidth: units,
}) => {
  const D = float64(arrays.depthwise_kernel);
  const P = float64(arrays.pointwise_kernel);
  return ({ inputs: [x] }, dy, sums) => {
    addTo(sums.bias, dy);
    const u = depthwise(x, D, taps, new Float64Array(D.length / taps));
    const du = new Float64Array(u.length);
    pullGateProducts({ vector: u, matrix: P, gates: 1, units }, dy, sums.pointwise_kernel, du);
    return [pullDepthwise(x, D, taps, du, sums.depthwise_kernel)];
  };
};
