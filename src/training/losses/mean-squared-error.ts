import { type EntryLoss, meanOver } from './entry-loss.ts';

/** mean((p - t)²). Keras mean_squared_error (keras/src/losses/losses.py). */
export function meanSquaredError(): EntryLoss {
  return meanOver(
    (t, p) => (p - t) ** 2,
    (t, p) => 2 * (p - t),
  );
}
