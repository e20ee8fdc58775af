import type { FloatArray } from '../../domain/tensor.ts';

/**
 * The loss of one entry, a vector along the last axis: its value, and in `gradient` [width] its derivatives with respect to
 * the prediction [width]. `target` is [width], or the class alone where classes are numbered.
 */
export type EntryLoss = (target: FloatArray, prediction: FloatArray, gradient: Float64Array) => number;

export type LossParameters = Readonly<Record<string, number | string | boolean | null | readonly number[]>>;

/** keras.backend.epsilon(): how close probabilities come to 0 and 1. */
export const EPSILON = 1e-7;
/** 1 - ε in float32, in which Keras computes losses. */
export const NEARLY_ONE = Math.fround(1 - EPSILON);

/** A loss that is the mean over the last axis of a function of target and prediction. */
export function meanOver(
  value: (target: number, prediction: number) => number,
  derivative: (target: number, prediction: number) => number,
): EntryLoss {
  return (target, prediction, gradient) => {
    const width = prediction.length;
    let sum = 0;
    for (let u = 0; u < width; u++) {
      sum += value(target[u], prediction[u]);
      gradient[u] = derivative(target[u], prediction[u]) / width;
    }
    return sum / width;
  };
}

export function clip(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** log Σ exp(values). */
export function logSumExp(values: FloatArray): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let u = 0; u < values.length; u++) if (!(values[u] <= most)) most = values[u];
  let sum = 0;
  for (let u = 0; u < values.length; u++) sum += Math.exp(values[u] - most);
  return most + Math.log(sum);
}
