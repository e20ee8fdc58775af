import type { FloatArray } from '../../domain/tensor.ts';
import { type EntryLoss, EPSILON } from './entry-loss.ts';

/** -Σ t/‖t‖ · p/‖p‖, no norm below ε. Keras cosine_similarity. */
export function cosineSimilarity(): EntryLoss {
  return (target, prediction, gradient) => {
    const [scaleT, scaleP] = [inverseNorm(target), inverseNorm(prediction)];
    let similarity = 0;
    for (let u = 0; u < prediction.length; u++) similarity += target[u] * scaleT * prediction[u] * scaleP;
    const bounded = scaleP === 1 / EPSILON;
    for (let u = 0; u < prediction.length; u++) {
      const along = bounded ? 0 : similarity * prediction[u] * scaleP;
      gradient[u] = -(target[u] * scaleT - along) * scaleP;
    }
    return -similarity;
  };
}

function inverseNorm(values: FloatArray): number {
  let sum = 0;
  for (let u = 0; u < values.length; u++) sum += values[u] * values[u];
  return Math.min(1 / Math.sqrt(sum), 1 / EPSILON);
}
