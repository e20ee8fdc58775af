/** The time at which all examples happen. */
const TIME = '2030-01-01T00:00:00.000Z';

export const CELL_BODY = {
  id: 'cell',
  class_name: 'SimpleRNNCell',
  config: {
    units: 1,
    activation: null,
    use_bias: true,
    kernel_initializer: 'ones',
    recurrent_initializer: 'ones',
    bias_initializer: { class_name: 'Constant', config: { value: 3 } },
  },
  input_shape: [null, 1],
};

const ones = { module: 'keras.initializers', class_name: 'Ones', config: {}, registered_name: null };

/** get_config() of the cell. */
export const CELL_CONFIG = {
  name: 'simple_rnn_cell',
  trainable: true,
  dtype: { module: 'keras', class_name: 'DTypePolicy', config: { name: 'float32' }, registered_name: null },
  units: 1,
  activation: 'linear',
  use_bias: true,
  kernel_initializer: ones,
  recurrent_initializer: ones,
  bias_initializer: {
    module: 'keras.initializers',
    class_name: 'Constant',
    config: { value: 3 },
    registered_name: null,
  },
  kernel_regularizer: null,
  recurrent_regularizer: null,
  bias_regularizer: null,
  kernel_constraint: null,
  recurrent_constraint: null,
  bias_constraint: null,
  dropout: 0,
  recurrent_dropout: 0,
  seed: null,
};

const variable = { dtype: 'float32', trainable: true, version: 1 };

export const CELL = {
  id: 'cell',
  framework: 'keras',
  class_name: 'SimpleRNNCell',
  config: CELL_CONFIG,
  precision: 'fast',
  initializer_seeds: {},
  built: true,
  input_shape: [null, 1],
  state_shapes: [[null, 1]],
  state_names: ['h'],
  output_shape: [null, 1],
  output_is_state: 0,
  variables: [
    { name: 'kernel', shape: [1, 1], ...variable },
    { name: 'recurrent_kernel', shape: [1, 1], ...variable },
    { name: 'bias', shape: [1], ...variable },
  ],
  parameter_count: 3,
  version: 1,
  created_at: TIME,
  updated_at: TIME,
};

export const CELL_VARIABLES = [
  { name: 'kernel', shape: [1, 1], ...variable, value: [[1]] },
  { name: 'recurrent_kernel', shape: [1, 1], ...variable, value: [[1]] },
  { name: 'bias', shape: [1], ...variable, value: [3] },
];

export const VARIABLE = { id: 'v', shape: [], ...variable, value: 1 };

export const SESSION = {
  id: 's',
  cell: 'cell',
  cell_version: 1,
  pin_cell_version: false,
  batch_size: 1,
  step: 0,
  states: [[[0]]],
  history: 10,
  oldest_step: 0,
  ttl_seconds: null,
  expires_at: null,
  version: 1,
  created_at: TIME,
  updated_at: TIME,
};

export const CHECKPOINT = {
  id: 'ckpt',
  cells: [],
  variables: ['v'],
  sessions: [],
  bytes: 204,
  version: 1,
  created_at: TIME,
};
