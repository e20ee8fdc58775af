import type { Regularizer, RegularizerParameters } from './regularizer.ts';

/** l1·Σ|w| + l2·Σw². Keras L1, L2 and L1L2 (keras/src/regularizers/regularizers.py). */
export function l1L2(params: RegularizerParameters): Regularizer {
  const [l1, l2] = [Number(params.l1 ?? 0), Number(params.l2 ?? 0)];
  return (values, _shape, gradient) => {
    let [absolutes, squares] = [0, 0];
    for (let i = 0; i < values.length; i++) {
      const w = values[i];
      absolutes += Math.abs(w);
      squares += w * w;
      gradient[i] += l1 * Math.sign(w) + 2 * l2 * w;
    }
    return l1 * absolutes + l2 * squares;
  };
}
