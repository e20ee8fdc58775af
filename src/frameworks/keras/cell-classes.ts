import type { Json } from '../../domain/json.ts';

/**
 * The config keys of every RNN class of Keras, in the order of get_config(), with their defaults. The keys of every
 * layer (name, trainable, dtype …) come before them: layer-head.ts. Source: keras/src/layers/rnn.
 */

/** A `json` is kept as it is: the class itself reads it. */
export type FieldKind =
  | 'units'
  | 'activation'
  | 'flag'
  | 'initializer'
  | 'regularizer'
  | 'constraint'
  | 'rate'
  | 'seed'
  | 'implementation'
  | 'count'
  | 'number'
  | 'choice'
  | 'json'
  | 'use_cudnn';

export interface Field {
  readonly kind: FieldKind;
  /** Absent if the key is required. */
  readonly default?: Json;
  /** For a choice: the allowed values. */
  readonly choices?: readonly Json[];
  /** false: understood, but not in get_config(). */
  readonly printed?: false;
}

export type Fields = Readonly<Record<string, Field>>;

export const CELL_CLASSES = ['SimpleRNNCell', 'GRUCell', 'LSTMCell'] as const;
export type CellClass = (typeof CELL_CLASSES)[number];
export const LAYER_CLASSES = ['SimpleRNN', 'GRU', 'LSTM'] as const;
export type LayerClass = (typeof LAYER_CLASSES)[number];
export const KERAS_CLASSES = [...CELL_CLASSES, 'StackedRNNCells', ...LAYER_CLASSES, 'RNN', 'Bidirectional'] as const;
export type KerasClass = (typeof KERAS_CLASSES)[number];

export const CELL_OF_LAYER: Readonly<Record<LayerClass, CellClass>> = {
  SimpleRNN: 'SimpleRNNCell',
  GRU: 'GRUCell',
  LSTM: 'LSTMCell',
};

function flag(value: boolean): Field {
  return { kind: 'flag', default: value };
}

const UNITS: Fields = { units: { kind: 'units' }, activation: { kind: 'activation', default: 'tanh' } };
const GATED: Fields = { ...UNITS, recurrent_activation: { kind: 'activation', default: 'sigmoid' } };
const USE_BIAS: Fields = { use_bias: flag(true) };
const FORGET_BIAS: Fields = { unit_forget_bias: flag(true) };
const INITIALIZERS: Fields = {
  kernel_initializer: { kind: 'initializer', default: 'glorot_uniform' },
  recurrent_initializer: { kind: 'initializer', default: 'orthogonal' },
  bias_initializer: { kind: 'initializer', default: 'zeros' },
};
const REGULARIZERS: Fields = {
  kernel_regularizer: { kind: 'regularizer', default: null },
  recurrent_regularizer: { kind: 'regularizer', default: null },
  bias_regularizer: { kind: 'regularizer', default: null },
};
const CONSTRAINTS: Fields = {
  kernel_constraint: { kind: 'constraint', default: null },
  recurrent_constraint: { kind: 'constraint', default: null },
  bias_constraint: { kind: 'constraint', default: null },
};
const DROPOUT: Fields = {
  dropout: { kind: 'rate', default: 0 },
  recurrent_dropout: { kind: 'rate', default: 0 },
};
const RESET_AFTER: Fields = { reset_after: flag(true) };
const SEED: Fields = { seed: { kind: 'seed', default: null } };
/** A choice between equal ways to compute it. */
const IMPLEMENTATION: Fields = { implementation: { kind: 'implementation', default: 2, printed: false } };
const USE_CUDNN: Fields = { use_cudnn: { kind: 'use_cudnn', default: 'auto', printed: false } };

export const CELL_FIELDS: Readonly<Record<CellClass, Fields>> = {
  SimpleRNNCell: { ...UNITS, ...USE_BIAS, ...INITIALIZERS, ...REGULARIZERS, ...CONSTRAINTS, ...DROPOUT, ...SEED },
  GRUCell: {
    ...GATED,
    ...USE_BIAS,
    ...INITIALIZERS,
    ...REGULARIZERS,
    ...CONSTRAINTS,
    ...DROPOUT,
    ...RESET_AFTER,
    ...SEED,
    ...IMPLEMENTATION,
  },
  LSTMCell: {
    ...GATED,
    ...USE_BIAS,
    ...FORGET_BIAS,
    ...INITIALIZERS,
    ...REGULARIZERS,
    ...CONSTRAINTS,
    ...DROPOUT,
    ...SEED,
    ...IMPLEMENTATION,
  },
};

/** How a layer runs its cell over a sequence; of SimpleRNN, GRU, LSTM and RNN. */
export const SEQUENCE_FIELDS: Fields = {
  return_sequences: flag(false),
  return_state: flag(false),
  go_backwards: flag(false),
  stateful: flag(false),
  unroll: flag(false),
  zero_output_for_mask: flag(false),
};

/** The layers that are one cell; `activity_regularizer` stands after bias_regularizer, null unless the head has one. */
export const LAYER_FIELDS: Readonly<Record<LayerClass, Fields>> = {
  SimpleRNN: {
    ...SEQUENCE_FIELDS,
    ...UNITS,
    ...USE_BIAS,
    ...INITIALIZERS,
    ...REGULARIZERS,
    ...CONSTRAINTS,
    ...DROPOUT,
    // Keras leaves the seed out of this layer's get_config().
    seed: { ...SEED.seed, printed: false },
  },
  GRU: {
    ...SEQUENCE_FIELDS,
    ...GATED,
    ...USE_BIAS,
    ...INITIALIZERS,
    ...REGULARIZERS,
    ...CONSTRAINTS,
    ...DROPOUT,
    ...RESET_AFTER,
    ...SEED,
    ...IMPLEMENTATION,
    ...USE_CUDNN,
  },
  LSTM: {
    ...SEQUENCE_FIELDS,
    ...GATED,
    ...USE_BIAS,
    ...INITIALIZERS,
    ...FORGET_BIAS,
    ...REGULARIZERS,
    ...CONSTRAINTS,
    ...DROPOUT,
    ...SEED,
    ...IMPLEMENTATION,
    ...USE_CUDNN,
  },
};
