import { clip, type EntryLoss, EPSILON, type LossParameters, meanOver, NEARLY_ONE } from './entry-loss.ts';

/**
 * With y = t·(1 - s) + s/2, s = label_smoothing: mean(-(y·log p + (1 - y)·log(1 - p))), p clipped to [ε, 1 - ε].
 * From logits z: mean(max(z, 0) - z·y + log(1 + exp(-|z|))). Keras binary_crossentropy.
 */
export function binaryCrossentropy(params: LossParameters): EntryLoss {
  const s = Number(params.label_smoothing);
  const smooth = (t: number) => t * (1 - s) + 0.5 * s;
  if (params.from_logits === true) {
    return meanOver(
      (t, z) => Math.max(z, 0) - z * smooth(t) + Math.log1p(Math.exp(-Math.abs(z))),
      (t, z) => 1 / (1 + Math.exp(-z)) - smooth(t),
    );
  }
  const bounded = (p: number) => clip(p, EPSILON, NEARLY_ONE);
  return meanOver(
    (t, p) => -(smooth(t) * Math.log(bounded(p)) + (1 - smooth(t)) * Math.log(1 - bounded(p))),
    (t, p) => (p === bounded(p) ? (1 - smooth(t)) / (1 - p) - smooth(t) / p : 0),
  );
}
