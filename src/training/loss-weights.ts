import type { Reduction } from '../domain/learning.ts';

/** The weights of the entries of a batch: a factor for each, and the divisor of their weighted sum. */
export interface EntryWeights {
  /** Absent if every entry weighs 1. */
  readonly factors?: Float64Array;
  readonly divisor: number;
}

export interface WeightsGiven {
  readonly entries: number;
  /** One for each entry, or one for each row: `entries` is a multiple of its length. */
  readonly sampleWeight?: ArrayLike<number>;
  /** One for each entry, 0 where it does not count. */
  readonly mask?: ArrayLike<number>;
}

/**
 * A mask's weights are all/valid where valid under a mean, else 1; they multiply the sample weights. A mean divides by the
 * number of entries, `mean_with_sample_weight` by the sum of the weights. Keras apply_mask, reduce_weighted_values and
 * reduce_values (keras/src/losses/loss.py). A division by 0 gives 0.
 */
export function entryWeights(reduction: Reduction, { entries, sampleWeight, mask }: WeightsGiven): EntryWeights {
  const share = mask === undefined ? 1 : maskShare(reduction, mask);
  const perRow = entries / (sampleWeight?.length ?? 1);
  const factors =
    sampleWeight || mask
      ? Float64Array.from({ length: entries }, (_, n) => {
          const weight = sampleWeight ? sampleWeight[Math.floor(n / perRow)] : 1;
          return mask && mask[n] === 0 ? 0 : weight * share;
        })
      : undefined;
  if (reduction === 'sum' || reduction === 'none') return { factors, divisor: 1 };
  if (reduction !== 'mean_with_sample_weight' || !factors) return { factors, divisor: entries };
  // Keras sums the weights as they were sent, before they are spread over the entries, unless a mask has spread them.
  return { factors, divisor: sum(mask ? factors : sampleWeight!) };
}

function maskShare(reduction: Reduction, mask: ArrayLike<number>): number {
  if (reduction !== 'mean' && reduction !== 'sum_over_batch_size') return 1;
  const valid = sum(Array.from(mask, (value) => (value === 0 ? 0 : 1)));
  return valid === 0 ? 0 : mask.length / valid;
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let n = 0; n < values.length; n++) total += values[n];
  return total;
}
