import { Problem } from '../../domain/problems.ts';
import { formatShape } from '../../domain/tensor.ts';
import type { Regularizer, RegularizerParameters } from './regularizer.ts';

/** Norms are taken as at least this: keras.backend.epsilon(). */
const EPSILON = 1e-7;

/**
 * factor · the mean of |n_i·n_j| over all pairs of rows (or columns), n being the row over its norm.
 * Keras OrthogonalRegularizer (keras/src/regularizers/regularizers.py). One row alone costs nothing.
 * @throws {Problem} invalid-config for a variable that is not a matrix.
 */
export function orthogonal(params: RegularizerParameters): Regularizer {
  const factor = Number(params.factor);
  return (values, shape, gradient) => {
    if (shape.length !== 2) {
      const detail = `OrthogonalRegularizer takes variables of 2 axes; this one has shape ${formatShape(shape)}.`;
      throw new Problem('invalid-config', detail);
    }
    const byRows = params.mode === 'rows';
    const [count, width] = byRows ? shape : [shape[1], shape[0]];
    const at = (row: number, k: number) => (byRows ? row * width + k : k * count + row);
    const scales = Float64Array.from({ length: count }, (_, row) => {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += values[at(row, k)] ** 2;
      return Math.min(1 / Math.sqrt(sum), 1 / EPSILON);
    });
    const share = count > 1 ? factor / ((count * (count - 1)) / 2) : 0;
    let total = 0;
    const pull = new Float64Array(width);
    for (let i = 0; i < count; i++) {
      pull.fill(0);
      for (let j = 0; j < count; j++) {
        if (i === j) continue;
        let product = 0;
        for (let k = 0; k < width; k++) product += values[at(i, k)] * values[at(j, k)];
        product *= scales[i] * scales[j];
        if (j > i) total += Math.abs(product);
        const sign = Math.sign(product) * scales[j];
        for (let k = 0; k < width; k++) pull[k] += sign * values[at(j, k)];
      }
      let along = 0;
      for (let k = 0; k < width; k++) along += pull[k] * values[at(i, k)] * scales[i];
      for (let k = 0; k < width; k++)
        gradient[at(i, k)] += share * (pull[k] - along * values[at(i, k)] * scales[i]) * scales[i];
    }
    return share * total;
  };
}
