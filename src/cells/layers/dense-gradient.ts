import { float64 } from '../cell-row.ts';
import { pullGateProducts } from '../gate-product.ts';
import { addTo } from '../step-gradient.ts';
import type { LayerGradient } from './layer-formula.ts';

/** Back through y = x·W + b: db = dy   dW = xᵀ·dy   dx = dy·Wᵀ */
export const denseGradient: LayerGradient<'dense'> = ({ arrays, rowWidth: units }) => {
  const W = float64(arrays.kernel);
  const features = units > 0 ? W.length / units : 0;
  return ({ inputs: [x] }, dy, sums) => {
    const dx = new Float64Array(x.length);
    for (let r = 0; r * units < dy.length; r++) {
      const own = dy.subarray(r * units, (r + 1) * units);
      addTo(sums.bias, own);
      const vector = x.subarray(r * features, (r + 1) * features);
      const product = { vector, matrix: W, gates: 1, units };
      pullGateProducts(product, own, sums.kernel, dx.subarray(r * features, (r + 1) * features));
    }
    return [dx];
  };
};
