import type { Parameters } from '../identifiers.ts';

/**
 * The names of Keras 3 for training: losses, optimizers and schedules, with their parameters and defaults. Data only. Source:
 * keras/src/losses, keras/src/optimizers.
 */

/** A loss or schedule. Names are case-sensitive. */
export interface KnownName {
  /** Every string that means it, the class name first. */
  readonly identifiers: readonly string[];
  readonly parameters: Parameters;
}

const LOGITS: Parameters = { from_logits: { kind: 'boolean', default: false } };
const LAST_AXIS: Parameters = { axis: { kind: 'last axis', default: -1 } };
const SMOOTHING: Parameters = { label_smoothing: { kind: 'fraction', default: 0 } };

export const KERAS_LOSSES: Readonly<Record<string, KnownName>> = {
  BinaryCrossentropy: {
    identifiers: ['BinaryCrossentropy', 'binary_crossentropy', 'bce', 'BCE'],
    parameters: { ...LOGITS, ...SMOOTHING, ...LAST_AXIS },
  },
  CategoricalCrossentropy: {
    identifiers: ['CategoricalCrossentropy', 'categorical_crossentropy'],
    parameters: { ...LOGITS, ...SMOOTHING, ...LAST_AXIS },
  },
  CosineSimilarity: { identifiers: ['CosineSimilarity', 'cosine_similarity'], parameters: LAST_AXIS },
  Huber: { identifiers: ['Huber', 'huber'], parameters: { delta: { kind: 'number', default: 1 } } },
  KLDivergence: { identifiers: ['KLDivergence', 'kl_divergence', 'kld', 'KLD'], parameters: {} },
  LogCosh: { identifiers: ['LogCosh', 'log_cosh'], parameters: {} },
  MeanAbsoluteError: { identifiers: ['MeanAbsoluteError', 'mean_absolute_error', 'mae', 'MAE'], parameters: {} },
  MeanSquaredError: { identifiers: ['MeanSquaredError', 'mean_squared_error', 'mse', 'MSE'], parameters: {} },
  SparseCategoricalCrossentropy: {
    identifiers: ['SparseCategoricalCrossentropy', 'sparse_categorical_crossentropy'],
    parameters: { ...LOGITS, ignore_class: { kind: 'integer or null', default: null }, ...LAST_AXIS },
  },
};

export const KERAS_SCHEDULES: Readonly<Record<string, KnownName>> = {
  CosineDecay: {
    identifiers: ['CosineDecay'],
    parameters: {
      initial_learning_rate: { kind: 'non-negative' },
      decay_steps: { kind: 'positive' },
      alpha: { kind: 'number', default: 0 },
      warmup_target: { kind: 'non-negative or null', default: null },
      warmup_steps: { kind: 'non-negative', default: 0 },
    },
  },
  ExponentialDecay: {
    identifiers: ['ExponentialDecay'],
    parameters: {
      initial_learning_rate: { kind: 'positive' },
      decay_steps: { kind: 'positive' },
      decay_rate: { kind: 'positive' },
      staircase: { kind: 'boolean', default: false },
    },
  },
  PiecewiseConstantDecay: {
    identifiers: ['PiecewiseConstantDecay'],
    parameters: { boundaries: { kind: 'rising numbers' }, values: { kind: 'positive numbers' } },
  },
};

const RATE: Parameters = { learning_rate: { kind: 'learning rate', default: 0.001 } };
/** Parameters of every optimizer, in the order of get_config(). */
const COMMON: Parameters = {
  weight_decay: { kind: 'non-negative or null', default: null },
  clipnorm: { kind: 'non-negative or null', default: null },
  global_clipnorm: { kind: 'non-negative or null', default: null },
  clipvalue: { kind: 'non-negative or null', default: null },
};
const EPSILON: Parameters = { epsilon: { kind: 'non-negative', default: 1e-7 } };
const BETAS: Parameters = {
  beta_1: { kind: 'fraction', default: 0.9 },
  beta_2: { kind: 'fraction', default: 0.999 },
  ...EPSILON,
};
const MOMENTUM: Parameters = { momentum: { kind: 'share', default: 0 } };
const AMSGRAD: Parameters = { amsgrad: { kind: 'boolean', default: false } };

/** By class name, in which Keras ignores case. */
export const KERAS_OPTIMIZERS: Readonly<Record<string, Parameters>> = {
  Adagrad: { ...RATE, ...COMMON, initial_accumulator_value: { kind: 'non-negative', default: 0.1 }, ...EPSILON },
  Adam: { ...RATE, ...COMMON, ...BETAS, ...AMSGRAD },
  AdamW: { ...RATE, ...COMMON, weight_decay: { kind: 'non-negative', default: 0.004 }, ...BETAS, ...AMSGRAD },
  Nadam: { ...RATE, ...COMMON, ...BETAS },
  RMSprop: {
    ...RATE,
    ...COMMON,
    rho: { kind: 'share', default: 0.9 },
    ...MOMENTUM,
    ...EPSILON,
    centered: { kind: 'boolean', default: false },
  },
  SGD: {
    learning_rate: { kind: 'learning rate', default: 0.01 },
    ...COMMON,
    ...MOMENTUM,
    nesterov: { kind: 'boolean', default: false },
  },
};

/** Options of every optimizer that say how Keras runs it; each may only be what it is by default. */
export const UNSUPPORTED_OPTIONS: Readonly<Record<string, readonly unknown[]>> = {
  use_ema: [false, null],
  ema_overwrite_frequency: [null],
  loss_scale_factor: [null],
  gradient_accumulation_steps: [null],
};
