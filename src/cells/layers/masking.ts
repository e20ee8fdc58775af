import type { LayerFormula } from './layer-formula.ts';

/** y = x, but zeros where all features of a step equal the mask value. Keras Masking.call. */
export const masking: LayerFormula<'masking'> = ({ params: { maskValue } }) => {
  return ([x]) => (x.every((value) => value === maskValue) ? new Float64Array(x.length) : x);
};
