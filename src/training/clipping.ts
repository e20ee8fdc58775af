import type { Clipping } from '../domain/learning.ts';
import type { FloatArray } from '../domain/tensor.ts';

/**
 * Clips gradients in place: each to a norm of clipnorm, g·c/max(‖g‖, c); or all by one factor to a joint norm; or each
 * element to ±clipvalue. A bound of 0 clips nothing. Keras BaseOptimizer._clip_gradients (keras/src/optimizers/base_optimizer.py).
 */
export function clipGradients(gradients: readonly FloatArray[], clipping: Clipping): void {
  const { clipnorm, global_clipnorm: global, clipvalue } = clipping;
  if (clipnorm) {
    for (const gradient of gradients) scale(gradient, clipnorm / Math.max(Math.sqrt(squares(gradient)), clipnorm));
  } else if (global) {
    const norm = Math.sqrt(gradients.reduce((sum, gradient) => sum + squares(gradient), 0));
    for (const gradient of gradients) scale(gradient, global / Math.max(norm, global));
  } else if (clipvalue) {
    for (const gradient of gradients) {
      for (let i = 0; i < gradient.length; i++) gradient[i] = Math.min(Math.max(gradient[i], -clipvalue), clipvalue);
    }
  }
}

function squares(values: FloatArray): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return sum;
}

function scale(values: FloatArray, factor: number): void {
  if (factor !== 1) for (let i = 0; i < values.length; i++) values[i] *= factor;
}
