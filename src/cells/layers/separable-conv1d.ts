import { float64 } from '../cell-row.ts';
import { addProduct } from '../product.ts';
import { depthwise } from './depthwise-conv1d.ts';
import type { LayerFormula } from './layer-formula.ts';

/** y = depthwise(x, D)·P + b. x [taps, features], D [taps, features, m], P [features·m, filters]. Keras SeparableConv1D. */
export const separableConv1d: LayerFormula<'separable_conv1d'> = ({ params: { taps }, arrays, outputWidth }) => {
  const D = float64(arrays.depthwise_kernel);
  const P = float64(arrays.pointwise_kernel);
  const b = arrays.bias && float64(arrays.bias);
  return ([x]) => {
    const y = b ? b.slice() : new Float64Array(outputWidth);
    addProduct(y, depthwise(x, D, taps, new Float64Array(D.length / taps)), P, outputWidth);
    return y;
  };
};
