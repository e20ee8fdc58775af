import { sigmoid } from './exponential.ts';

/** Reads `length` values at `offset`, writes its results at `outOffset`. `values` and `out` may be the same place. */
export type RowFunction = (
  values: Float64Array,
  offset: number,
  length: number,
  out: Float64Array,
  outOffset: number,
) => void;

/**
 * e^x/Σe^x. A NaN, +Infinity or nothing but -Infinity makes the whole row NaN, as the formula says and Keras computes it; only
 * TensorFlow's float32 with oneDNN gives 0 beside the NaN.
 */
export const softmax: RowFunction = (values, offset, length, out, outOffset) => {
  const most = largest(values, offset, length);
  if (!Number.isFinite(most)) {
    out.fill(Number.NaN, outOffset, outOffset + length);
    return;
  }
  let sum = 0;
  for (let i = 0; i < length; i++) {
    const e = Math.exp(values[offset + i] - most);
    out[outOffset + i] = e;
    sum += e;
  }
  for (let i = 0; i < length; i++) out[outOffset + i] /= sum;
};

/** x - log Σe^x. A NaN, +Infinity or nothing but -Infinity makes the whole row NaN, as Keras. */
export const logSoftmax: RowFunction = (values, offset, length, out, outOffset) => {
  const most = largest(values, offset, length);
  if (!Number.isFinite(most)) {
    out.fill(Number.NaN, outOffset, outOffset + length);
    return;
  }
  // One of the largest is left out of the sum, so that log1p sees what the others add to it.
  let others = -1;
  let rest = 0;
  for (let i = 0; i < length; i++) {
    if (others < 0 && values[offset + i] === most) others = i;
    else rest += Math.exp(values[offset + i] - most);
  }
  const log = Math.log1p(rest);
  for (let i = 0; i < length; i++) out[outOffset + i] = values[offset + i] - most - log;
};

/**
 * The projection onto the simplex: max(x - tau, 0) with tau such that the sum is 1 (Martins & Astudillo, 2016).
 * Keras 3.15 adds up the cumulative sums of the whole support, so that its rows need not sum to 1; this is the true one.
 * A row whose largest entry is so large that 1 vanishes beside it has no support: Infinity everywhere, as Keras.
 */
export const sparsemax: RowFunction = (values, offset, length, out, outOffset) => {
  // A typed array is sorted without calls, which takes a small part of the time. NaNs are last, and left out.
  const sorted = values.slice(offset, offset + length).sort();
  let count = length;
  while (count > 0 && Number.isNaN(sorted[count - 1])) count--;
  const most = count > 0 ? sorted[count - 1] : Number.NaN;
  if (!(most - (most - 1) > 0)) {
    // tau = -Infinity
    for (let i = 0; i < length; i++) out[outOffset + i] = values[offset + i] + Number.POSITIVE_INFINITY;
    return;
  }
  let sum = 0;
  let tau = 0;
  for (let k = 1; k <= count; k++) {
    const shifted = sorted[count - k] - most;
    const candidate = (sum + shifted - 1) / k;
    if (!(shifted > candidate)) break;
    sum += shifted;
    tau = candidate;
  }
  for (let i = 0; i < length; i++) out[outOffset + i] = Math.max(values[offset + i] - most - tau, 0);
};

/** a·sigmoid(b) of the row's halves a and b; length is even, length/2 values are written. */
export const glu: RowFunction = (values, offset, length, out, outOffset) => {
  const half = length / 2;
  for (let i = 0; i < half; i++) out[outOffset + i] = values[offset + i] * sigmoid(values[offset + half + i]);
};

/** NaN if any value is. */
function largest(values: Float64Array, offset: number, length: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < length; i++) most = Math.max(most, values[offset + i]);
  return most;
}
