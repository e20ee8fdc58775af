import type { NamedSpec } from '../../domain/learning.ts';
import type { FloatArray, Shape } from '../../domain/tensor.ts';

/** What a variable's value costs; its derivative is added to `gradient`. */
export type Regularizer = (values: FloatArray, shape: Shape, gradient: FloatArray) => number;

export type RegularizerParameters = NamedSpec['params'];
