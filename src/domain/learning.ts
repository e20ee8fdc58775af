import type { FloatArray } from './tensor.ts';

/** Something that Keras knows by a class name, all its parameters filled in: a loss, an optimizer, a regularizer … */
export interface NamedSpec {
  readonly className: string;
  readonly params: Readonly<Record<string, number | string | boolean | null | readonly number[]>>;
}

/** How the losses of entries are combined: Keras' `reduction`. */
export const REDUCTIONS = ['sum_over_batch_size', 'sum', 'mean', 'mean_with_sample_weight', 'none'] as const;
export type Reduction = (typeof REDUCTIONS)[number];

export interface LossSpec extends NamedSpec {
  readonly reduction: Reduction;
}

/** Targets of a batch: what stays the same over all steps of a request. Arrays are row-major. */
export interface Targets {
  /** [entries, width], or [entries] if they are class numbers. */
  readonly values: FloatArray;
  readonly entries: number;
  /** Of one prediction. */
  readonly width: number;
  /** One for each entry, or for each row of the batch. */
  readonly sampleWeight?: FloatArray;
}

/** At most one of the three is set. */
export interface Clipping {
  /** For the gradient of each variable on its own. */
  readonly clipnorm: number | null;
  /** For all gradients together. */
  readonly global_clipnorm: number | null;
  readonly clipvalue: number | null;
}

export interface OptimizerSpec extends NamedSpec, Clipping {
  /** A number, or a schedule over the iterations. */
  readonly learningRate: number | NamedSpec;
  readonly weightDecay: number | null;
}
