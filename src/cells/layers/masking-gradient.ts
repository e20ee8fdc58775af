import type { LayerGradient } from './layer-formula.ts';

/** dx = dy, but zeros where the step was masked. */
export const maskingGradient: LayerGradient<'masking'> = ({ params: { maskValue } }) => {
  return ({ inputs: [x] }, dy) => [x.every((value) => value === maskValue) ? new Float64Array(x.length) : dy];
};
