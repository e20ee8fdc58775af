import { l1L2 } from './l1-l2.ts';
import { orthogonal } from './orthogonal.ts';
import type { Regularizer, RegularizerParameters } from './regularizer.ts';

/** By Keras' class name. */
export const REGULARIZERS: Readonly<Record<string, (params: RegularizerParameters) => Regularizer>> = {
  L1: l1L2,
  L1L2: l1L2,
  L2: l1L2,
  OrthogonalRegularizer: orthogonal,
};
