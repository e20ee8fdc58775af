import { float64 } from '../cell-row.ts';
import { addProduct } from '../product.ts';
import type { LayerFormula } from './layer-formula.ts';

/**
 * y = Σ_tap x[tap]·W[tap] + b over a window. x [taps, features], W [taps, features/groups, filters], b [filters]; each group
 * of filters sees its own features. Keras Conv1D (keras/src/layers/convolutional/base_conv.py).
 */
export const conv1d: LayerFormula<'conv1d'> = ({ params: { taps, groups }, arrays, inputWidths, outputWidth }) => {
  const W = float64(arrays.kernel);
  const b = arrays.bias && float64(arrays.bias);
  const features = inputWidths[0];
  const [seen, own] = [features / groups, outputWidth / groups];
  return ([x]) => {
    const y = b ? b.slice() : new Float64Array(outputWidth);
    if (groups === 1) {
      addProduct(y, x, W, outputWidth);
      return y;
    }
    for (let tap = 0; tap < taps; tap++) {
      const kernel = W.subarray(tap * seen * outputWidth, (tap + 1) * seen * outputWidth);
      for (let group = 0; group < groups; group++) {
        const from = tap * features + group * seen;
        const columns = y.subarray(group * own, (group + 1) * own);
        addProduct(columns, x.subarray(from, from + seen), kernel, outputWidth, group * own);
      }
    }
    return y;
  };
};
