import { allocate, type Dtype, type FloatArray, rounder } from '../domain/tensor.ts';

/** The values as an array of a compute dtype, rounded where it is narrower; the same array where nothing changes. */
export function convert(values: FloatArray, dtype: Dtype): FloatArray {
  const wide = values instanceof Float64Array;
  if (wide === (dtype === 'float64') && (dtype === 'float64' || dtype === 'float32')) return values;
  const round = rounder(dtype);
  const result = allocate(dtype, values.length) as FloatArray;
  for (let i = 0; i < values.length; i++) result[i] = round(values[i]);
  return result;
}

/** float64 values rounded once to a dtype. */
export function narrow(values: Float64Array, dtype: Dtype): FloatArray {
  if (dtype === 'float64') return values;
  const round = rounder(dtype);
  return Float32Array.from(values, round);
}
