import { float64 } from '../cell-row.ts';
import { addProduct } from '../product.ts';
import type { LayerFormula } from './layer-formula.ts';

/** y = x·W + b for each row of the unit. x [rows, features], W [features, units], b [units]. Keras Dense.call. */
export const dense: LayerFormula<'dense'> = ({ arrays, rowWidth: units, outputWidth }) => {
  const W = float64(arrays.kernel);
  const b = arrays.bias && float64(arrays.bias);
  const features = W.length / units;
  const rows = outputWidth / units;
  return ([x]) => {
    const y = new Float64Array(rows * units);
    for (let r = 0; r < rows; r++) {
      const row = y.subarray(r * units, (r + 1) * units);
      if (b) row.set(b);
      addProduct(row, x.subarray(r * features, (r + 1) * features), W, units);
    }
    return y;
  };
};
