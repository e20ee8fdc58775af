import type { LossSpec, Targets } from '../domain/learning.ts';
import { Problem } from '../domain/problems.ts';
import type { FloatArray } from '../domain/tensor.ts';
import { entryWeights } from './loss-weights.ts';
import { LOSSES } from './losses/losses.ts';

export interface LossValue {
  readonly loss: number;
  /** d loss / d predictions, [entries, width], in the predictions' dtype. */
  readonly gradient: FloatArray;
}

/**
 * The loss of predictions [entries, width]. `mask` [entries] is 0 where a prediction is masked. Without a reduction it is the
 * mean over the entries, and the gradient is the gradient of their sum, as in Keras' train_on_batch.
 */
export function lossOf(spec: LossSpec, targets: Targets, predictions: FloatArray, mask?: Uint8Array): LossValue {
  const { values, entries, width, sampleWeight } = targets;
  const entryLoss = LOSSES[spec.className](spec.params);
  const kept = keptEntries(spec, targets, mask && entryMask(mask, entries));
  const { factors, divisor } = entryWeights(spec.reduction, { entries, sampleWeight, mask: kept });
  const gradient = predictions.slice().fill(0);
  const own = new Float64Array(width);
  const targetWidth = values.length / Math.max(entries, 1);
  const scale = divisor === 0 ? 0 : 1 / divisor;
  let sum = 0;
  for (let n = 0; n < entries; n++) {
    const factor = (factors?.[n] ?? 1) * scale;
    // A masked entry counts for nothing. Its value is not used, because 0 · NaN would be NaN.
    if (factor === 0) continue;
    const prediction = predictions.subarray(n * width, (n + 1) * width);
    sum += factor * entryLoss(values.subarray(n * targetWidth, (n + 1) * targetWidth), prediction, own);
    for (let u = 0; u < width; u++) gradient[n * width + u] = factor * own[u];
  }
  return { loss: spec.reduction === 'none' && entries > 0 ? sum / entries : sum, gradient };
}

/**
 * A mask of steps for entries: an output of several axes has several entries in a step.
 * @throws {Problem} wrong-shape if an entry covers several steps
 */
function entryMask(mask: Uint8Array, entries: number): Uint8Array {
  if (mask.length === entries) return mask;
  const each = entries / Math.max(mask.length, 1);
  if (Number.isInteger(each)) return Uint8Array.from({ length: entries }, (_, n) => mask[Math.floor(n / each)]);
  throw new Problem('wrong-shape', 'The output is masked step by step. Send targets with the last axis of the output.');
}

/** The mask without the entries whose class is to be ignored. */
function keptEntries(
  { params }: LossSpec,
  { values: classes }: Targets,
  mask: Uint8Array | undefined,
): Uint8Array | undefined {
  const ignored = params.ignore_class;
  if (ignored === undefined || ignored === null) return mask;
  return Uint8Array.from(classes, (value, n) => (value === ignored || mask?.[n] === 0 ? 0 : 1));
}
