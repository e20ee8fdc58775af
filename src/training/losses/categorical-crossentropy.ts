import { clip, type EntryLoss, EPSILON, type LossParameters, logSumExp, NEARLY_ONE } from './entry-loss.ts';

/**
 * With y = t·(1 - s) + s/classes, s = label_smoothing: -Σ y·log q, q = p/Σp clipped to [ε, 1 - ε].
 * From logits z: -Σ y·(z - log Σ exp z). Keras categorical_crossentropy.
 */
export function categoricalCrossentropy(params: LossParameters): EntryLoss {
  const s = Number(params.label_smoothing);
  return params.from_logits === true ? ofLogits(s) : ofProbabilities(s);
}

function ofLogits(s: number): EntryLoss {
  return (target, logits, gradient) => {
    const classes = logits.length;
    const total = logSumExp(logits);
    let [loss, sum] = [0, 0];
    for (let u = 0; u < classes; u++) {
      const y = target[u] * (1 - s) + s / classes;
      // A class without a part in the target adds nothing to the loss, even if its logit is -Infinity.
      if (y !== 0) loss -= y * (logits[u] - total);
      sum += y;
      gradient[u] = -y;
    }
    for (let u = 0; u < classes; u++) gradient[u] += sum * Math.exp(logits[u] - total);
    return loss;
  };
}

function ofProbabilities(s: number): EntryLoss {
  return (target, probabilities, gradient) => {
    const classes = probabilities.length;
    let total = 0;
    for (let u = 0; u < classes; u++) total += probabilities[u];
    let [loss, sum] = [0, 0];
    for (let u = 0; u < classes; u++) {
      const y = target[u] * (1 - s) + s / classes;
      const share = probabilities[u] / total;
      const q = clip(share, EPSILON, NEARLY_ONE);
      loss -= y * Math.log(q);
      gradient[u] = share === q ? -y / q : 0;
      sum += gradient[u] * share;
    }
    for (let u = 0; u < classes; u++) gradient[u] = (gradient[u] - sum) / total;
    return loss;
  };
}
