import { float64 } from '../cell-row.ts';
import { pullGateProducts } from '../gate-product.ts';
import { addTo } from '../step-gradient.ts';
import type { LayerGradient } from './layer-formula.ts';

/** Back through y = Σ x[tap]·W[tap] + b: db = dy   dW[tap] = x[tap]ᵀ·dy   dx[tap] = dy·W[tap]ᵀ, each group by itself. */
export const conv1dGradient: LayerGradient<'conv1d'> = ({
  params: { taps, groups },
  arrays,
  inputWidths: [features],
  outputWidth,
}) => {
  const W = float64(arrays.kernel);
  const [seen, own] = [features / groups, outputWidth / groups];
  return ({ inputs: [x] }, dy, sums) => {
    addTo(sums.bias, dy);
    const dx = new Float64Array(x.length);
    for (let tap = 0; tap < taps; tap++) {
      const [start, end] = [tap * seen * outputWidth, (tap + 1) * seen * outputWidth];
      for (let group = 0; group < groups; group++) {
        const [from, to] = [tap * features + group * seen, tap * features + (group + 1) * seen];
        const part = { vector: x.subarray(from, to), matrix: W.subarray(start, end), first: group, gates: 1 };
        const product = { ...part, units: own, blocks: groups };
        pullGateProducts(product, dy, sums.kernel.subarray(start, end), dx.subarray(from, to));
      }
    }
    return [dx];
  };
};
