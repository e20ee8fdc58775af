/**
 * Backwards through a row-wise activation: from its result `after` and d/d after to d/d before, a fresh array.
 * `after` alone is enough for each of them.
 */
export type RowGradient = (after: Float64Array, gradient: Float64Array) => Float64Array;

/** By the names of ACTIVATIONS; glu is not here, as no gate can have it. */
export const ROW_GRADIENTS: Readonly<Record<string, RowGradient>> = {
  /** y∘(g - Σg∘y) */
  softmax: (after, gradient) => {
    let sum = 0;
    for (let i = 0; i < after.length; i++) sum += gradient[i] * after[i];
    return gradient.map((g, i) => after[i] * (g - sum));
  },
  /** g - e^y·Σg */
  log_softmax: (after, gradient) => {
    let sum = 0;
    for (const g of gradient) sum += g;
    return gradient.map((g, i) => g - Math.exp(after[i]) * sum);
  },
  /** g less its mean over the support, 0 outside (Martins & Astudillo, 2016, equation 14). */
  sparsemax: (after, gradient) => {
    let sum = 0;
    let size = 0;
    for (let i = 0; i < after.length; i++) {
      if (!(after[i] > 0)) continue;
      sum += gradient[i];
      size++;
    }
    return gradient.map((g, i) => (after[i] > 0 ? g - sum / size : 0));
  },
};
