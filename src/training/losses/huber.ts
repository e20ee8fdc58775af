import { type EntryLoss, type LossParameters, meanOver } from './entry-loss.ts';

/** e = p - t: mean of e²/2 where |e| ≤ delta, else delta·|e| - delta²/2. Keras huber. */
export function huber(params: LossParameters): EntryLoss {
  const delta = Number(params.delta);
  return meanOver(
    (t, p) => {
      const e = Math.abs(p - t);
      return e <= delta ? 0.5 * e * e : delta * e - 0.5 * delta * delta;
    },
    (t, p) => {
      const e = p - t;
      return Math.abs(e) <= delta ? e : delta * Math.sign(e);
    },
  );
}
