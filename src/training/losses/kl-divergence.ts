import { clip, type EntryLoss, EPSILON } from './entry-loss.ts';

/** Σ t·log(t/p), both clipped to [ε, 1]. Keras kl_divergence. */
export function klDivergence(): EntryLoss {
  return (target, prediction, gradient) => {
    let loss = 0;
    for (let u = 0; u < prediction.length; u++) {
      const t = clip(target[u], EPSILON, 1);
      const p = clip(prediction[u], EPSILON, 1);
      loss += t * Math.log(t / p);
      gradient[u] = prediction[u] === p ? -t / p : 0;
    }
    return loss;
  };
}
