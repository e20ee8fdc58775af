import { clip, type EntryLoss, EPSILON, type LossParameters, NEARLY_ONE } from './entry-loss.ts';

/**
 * c is the number of the class: log Σ exp z - z_c from logits z; else log Σ q - log q_c, q = p clipped to [ε, 1 - ε].
 * Keras sparse_categorical_crossentropy, as its TensorFlow backend computes it: the logarithms of probabilities are logits.
 * The entries of `ignore_class` are left out before (loss.ts).
 */
export function sparseCategoricalCrossentropy(params: LossParameters): EntryLoss {
  return params.from_logits === true ? ofLogits : ofProbabilities;
}

const ofLogits: EntryLoss = ([c], logits, gradient) => {
  let most = logits[0];
  for (let u = 1; u < logits.length; u++) if (!(logits[u] <= most)) most = logits[u];
  let sum = 0;
  // One exponential for each class: it is what a step of a language model spends most of its time on.
  for (let u = 0; u < logits.length; u++) {
    gradient[u] = Math.exp(logits[u] - most);
    sum += gradient[u];
  }
  for (let u = 0; u < logits.length; u++) gradient[u] /= sum;
  gradient[c] -= 1;
  return most + Math.log(sum) - logits[c];
};

const ofProbabilities: EntryLoss = ([c], probabilities, gradient) => {
  let total = 0;
  for (let u = 0; u < probabilities.length; u++) total += clip(probabilities[u], EPSILON, NEARLY_ONE);
  const chosen = clip(probabilities[c], EPSILON, NEARLY_ONE);
  for (let u = 0; u < probabilities.length; u++) {
    const p = probabilities[u];
    const inside = p >= EPSILON && p <= NEARLY_ONE;
    gradient[u] = inside ? 1 / total - (u === c ? 1 / chosen : 0) : 0;
  }
  return Math.log(total) - Math.log(chosen);
};
