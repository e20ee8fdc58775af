import { type EntryLoss, meanOver } from './entry-loss.ts';

/** e = p - t: mean(log cosh e) = mean(|e| + log(1 + exp(-2|e|)) - log 2). Keras log_cosh. */
export function logCosh(): EntryLoss {
  return meanOver(
    (t, p) => {
      const e = Math.abs(p - t);
      return e + Math.log1p(Math.exp(-2 * e)) - Math.LN2;
    },
    (t, p) => Math.tanh(p - t),
  );
}
