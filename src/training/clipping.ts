import type { Clipping } from '../domain/learning.ts';
import type { FloatArray } from '../domain/tensor.ts';

/** The gradient of a variable. */
export interface VariableGradient {
  readonly values: FloatArray;
  /**
   * Of an Embedding, the sum of the squares of what came for each id, where Keras on TensorFlow squares the parts of a sparse
   * gradient before it adds them up. Undefined if they equal the squares of the values.
   */
  readonly squares?: FloatArray;
}

/**
 * Clips gradients, their values in place: each to a norm of clipnorm, g·c/max(‖g‖, c); or all by one factor to a joint norm;
 * or each element to ±clipvalue. A bound of 0 clips nothing. A sparse gradient stays so, but under a joint norm; its parts are
 * clipped to ±clipvalue before they are added up (embedding-node.ts). Keras BaseOptimizer._clip_gradients (keras/src/optimizers/base_optimizer.py).
 */
export function clipGradients(gradients: readonly VariableGradient[], clipping: Clipping): VariableGradient[] {
  const { clipnorm, global_clipnorm: global, clipvalue } = clipping;
  if (clipnorm) {
    return gradients.map((gradient) => {
      const factor = clipnorm / Math.max(Math.sqrt(sumOfSquares(gradient)), clipnorm);
      scale(gradient.values, factor);
      if (gradient.squares) scale(gradient.squares, factor ** 2);
      return gradient;
    });
  }
  if (global) {
    const norm = Math.sqrt(gradients.reduce((sum, gradient) => sum + sumOfSquares(gradient), 0));
    const factor = global / Math.max(norm, global);
    return gradients.map(({ values }) => {
      scale(values, factor);
      return { values };
    });
  }
  if (clipvalue) {
    return gradients.map((gradient) => {
      const { values, squares } = gradient;
      if (squares) return gradient;
      for (let i = 0; i < values.length; i++) values[i] = Math.min(Math.max(values[i], -clipvalue), clipvalue);
      return { values };
    });
  }
  return [...gradients];
}

function sumOfSquares({ values, squares }: VariableGradient): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += squares ? squares[i] : values[i] * values[i];
  return sum;
}

function scale(values: FloatArray, factor: number): void {
  if (factor !== 1) for (let i = 0; i < values.length; i++) values[i] *= factor;
}
