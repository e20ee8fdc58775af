import { type EntryLoss, meanOver } from './entry-loss.ts';

/** mean(|p - t|), its derivative 0 where they are equal. Keras mean_absolute_error. */
export function meanAbsoluteError(): EntryLoss {
  return meanOver(
    (t, p) => Math.abs(p - t),
    (t, p) => Math.sign(p - t),
  );
}
