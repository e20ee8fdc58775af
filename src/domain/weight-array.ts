import type { Weights } from './cell-definition.ts';
import { Problem } from './problems.ts';
import { cast, type Dtype, type FloatArray, formatShape, type Shape, sameShape } from './tensor.ts';

/**
 * The values of a variable, cast to a float dtype.
 * @throws {Problem} wrong-shape if it is missing or has another shape
 */
export function weightArray(weights: Weights, name: string, shape: Shape, dtype: Dtype): FloatArray {
  const tensor = Object.hasOwn(weights, name) ? weights[name] : undefined;
  if (tensor === undefined || !sameShape(tensor.shape, shape)) {
    const sent = tensor === undefined ? 'is missing' : `has shape ${formatShape(tensor.shape)}`;
    throw new Problem('wrong-shape', `'${name}' ${sent}; this cell needs shape ${formatShape(shape)}.`);
  }
  const { data } = cast(tensor, dtype);
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  throw new TypeError(`${dtype} is not a float dtype`);
}
