import type { NamedSpec } from '../../domain/learning.ts';
import type { FloatArray, Shape } from '../../domain/tensor.ts';

/** The cost of a variable's value. Its derivative is added to `gradient`. */
export type Regularizer = (values: FloatArray, shape: Shape, gradient: FloatArray) => number;

export type RegularizerParameters = NamedSpec['params'];
