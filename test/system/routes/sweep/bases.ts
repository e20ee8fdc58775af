import type { Route } from './routes.ts';

/** A valid request of a route, but for its method and path. */
export interface Base {
  /** Values of the path's parameters. */
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const cell = { cell: 'cell' };
const variable = { variable: 'v' };
const session = { session: 's' };
const checkpoint = { checkpoint: 'c' };
const bias = { cell: 'cell', name: 'bias' };
const weights = { kernel: [[1, 2]], recurrent_kernel: { shape: [2, 2], data: [1, 2, 3, 4] }, bias: [0, 'NaN'] };

const assignments: readonly Base[] = [{ params: variable, body: { value: [1, 2], tensor_format: 'flat' } }];
const biasAssignments: readonly Base[] = [{ params: bias, body: { value: { shape: [2], data: [1, 2] } } }];
const scatter = { indices: [[0], [1]], updates: [5, 6], tensor_format: 'nested' };
const page: readonly Base[] = [{ query: { limit: '5', cursor: 'YQ' } }];
const sequence = {
  inputs: [[[1], [2]]],
  initial_state: [[[1, 1]]],
  mask: [[true, false]],
  return_sequences: true,
  go_backwards: false,
  zero_output_for_mask: false,
  time_major: false,
  training: false,
  tensor_format: 'nested',
};

/** One or more valid requests of every route, on the world that `buildWorld` makes. */
export const BASES: Readonly<Record<Route, readonly Base[]>> = {
  'GET /healthz': [{}],
  'GET /metrics': [{}],
  'GET /readyz': [{}],
  'GET /problems/:code': [{ params: { code: 'not-found' } }],
  'GET /openapi.json': [{}],
  'GET /asyncapi.yaml': [{}],
  'GET /openapi.yaml': [{}],
  'POST /v1/cells': [
    {
      body: {
        id: 'new',
        framework: 'keras',
        class_name: 'SimpleRNNCell',
        config: {
          units: 2,
          activation: { module: 'keras.layers', class_name: 'LeakyReLU', config: { negative_slope: 0.1 } },
          kernel_initializer: { class_name: 'GlorotUniform', config: { seed: 3 } },
          recurrent_initializer: 'orthogonal',
          kernel_regularizer: { class_name: 'L2', config: { l2: 0.1 } },
          dropout: 0.5,
        },
        input_shape: [null, 1],
        precision: 'fast',
        initializer_seeds: { recurrent_kernel: 7 },
        module: 'keras.layers',
        registered_name: null,
        build_config: { input_shape: [null, 1] },
      },
    },
    {
      body: { class_name: 'SimpleRNNCell', config: { units: 2, dtype: 'float32', use_bias: true, name: 'n' }, weights },
    },
    { body: { framework: 'pytorch', class_name: 'LSTMCell', config: { input_size: 2, hidden_size: 3, bias: true } } },
    { body: { framework: 'onnx', class_name: 'GRU', config: { hidden_size: 2, direction: 'forward', clip: 5 } } },
  ],
  'GET /v1/cells': page,
  'GET /v1/cells/:cell': [{ params: cell }],
  'DELETE /v1/cells/:cell': [{ params: { cell: 'free' }, query: { force: 'false' } }],
  'POST /v1/cells/:cell/build': [{ params: { cell: 'free' }, body: { input_shape: [null, 3] } }],
  'GET /v1/cells/:cell/config': [{ params: cell }],
  'GET /v1/cells/:cell/variables': [{ params: cell }],
  'GET /v1/cells/:cell/weights': [{ params: cell }],
  'PUT /v1/cells/:cell/weights': [{ params: cell, body: { weights } }],
  'POST /v1/cells/:cell/steps': [
    {
      params: cell,
      body: {
        inputs: [[1], [2]],
        states: [
          [
            [1, 2],
            [3, 4],
          ],
        ],
        trace: true,
        training: false,
        tensor_format: 'base64',
      },
    },
    { params: { cell: 'free' }, body: { inputs: { shape: [1, 2], dtype: 'float32', base64: 'AACAPwAAAEA=' } } },
    { params: cell, body: { inputs: { variable: 'x' }, states: { variable: 'h' } } },
  ],
  'POST /v1/cells/:cell/sequences': [
    { params: cell, body: { ...sequence, trace: true } },
    { params: cell, body: { inputs: [[[1], [2]]], sequence_lengths: [1] } },
    { params: { cell: 'free' }, body: { inputs: [[[1], [2]]] } },
  ],
  'GET /v1/cells/:cell/optimizer': [{ params: { cell: 'trained' } }],
  'DELETE /v1/cells/:cell/optimizer': [{ params: { cell: 'trained' } }],
  'POST /v1/cells/:cell/training_steps': [
    {
      params: cell,
      body: {
        inputs: [[[1], [2]]],
        targets: [
          [
            [1, 1],
            [1, 1],
          ],
        ],
        loss: 'mse',
        optimizer: 'sgd',
      },
    },
  ],
  'POST /v1/cells/:cell/gradients': [
    {
      params: cell,
      body: {
        ...sequence,
        cotangent: [
          [
            [1, 1],
            [1, 1],
          ],
        ],
      },
    },
  ],
  'GET /v1/cells/:cell/variables/:name': [{ params: bias }],
  'PUT /v1/cells/:cell/variables/:name': biasAssignments,
  'POST /v1/cells/:cell/variables/:name/assign': biasAssignments,
  'POST /v1/cells/:cell/variables/:name/assign_add': biasAssignments,
  'POST /v1/cells/:cell/variables/:name/assign_sub': biasAssignments,
  'POST /v1/cells/:cell/variables/:name/scatter_update': [{ params: bias, body: scatter }],
  'POST /v1/variables': [
    { body: { id: 'new', value: [1, 2], dtype: 'int32', trainable: true, tensor_format: 'flat' } },
    {
      body: { initializer: { class_name: 'RandomUniform', config: { minval: 0, maxval: 1, seed: 5 } }, shape: [2, 2] },
    },
    { body: { randint: { low: 0, high: 5, size: [2], seed: 1 } } },
    { body: { value: { shape: [1, 2], dtype: 'float64', data: [1, 'Infinity'] } } },
  ],
  'GET /v1/variables': page,
  'GET /v1/variables/:variable': [{ params: variable }],
  'PUT /v1/variables/:variable': assignments,
  'DELETE /v1/variables/:variable': [{ params: variable }],
  'POST /v1/variables/:variable/assign': assignments,
  'POST /v1/variables/:variable/assign_add': assignments,
  'POST /v1/variables/:variable/assign_sub': assignments,
  'POST /v1/variables/:variable/scatter_update': [{ params: variable, body: scatter }],
  'GET /v1/ops': [{}],
  'GET /v1/usage': [{}],
  'POST /v1/ops/:op': [
    { params: { op: 'softmax' }, body: { inputs: [[1, 2]], params: { axis: 0 }, tensor_format: 'flat' } },
    { params: { op: 'matmul' }, body: { inputs: [[[1, 2]], { variable: 'v' }] } },
  ],
  'POST /v1/sessions': [
    {
      body: {
        id: 'new',
        cell: 'cell',
        batch_size: 1,
        initial_state: [[[1, 2]]],
        ttl_seconds: 60,
        history: 2,
        pin_cell_version: false,
        tensor_format: 'flat',
      },
    },
  ],
  'GET /v1/sessions': page,
  'GET /v1/sessions/:session': [{ params: session }],
  'DELETE /v1/sessions/:session': [{ params: session }],
  'POST /v1/sessions/:session/steps': [
    { params: session, body: { inputs: [[1]], trace: true, return_states: true, tensor_format: 'flat' } },
    { params: session, body: { inputs: [[[1], [2]]], mask: [[1, 0]] } },
    { params: { session: 'unbuilt' }, body: { inputs: [[1, 2, 3]] } },
  ],
  'GET /v1/sessions/:session/steps': [{ params: session, query: { limit: '5', after: '1' } }],
  'POST /v1/sessions/:session/rewind': [{ params: session, body: { to_step: 0, tensor_format: 'flat' } }],
  'POST /v1/sessions/:session/fork': [
    { params: session, body: { id: 'new', at_step: 0, tensor_format: 'flat' } },
    { params: session },
  ],
  'PUT /v1/sessions/:session/states': [{ params: session, body: { states: [[[1, 2]]], tensor_format: 'flat' } }],
  'POST /v1/sessions/:session/reset': [{ params: session, body: { tensor_format: 'flat' } }],
  'POST /v1/checkpoints': [
    { body: { id: 'new', cells: ['cell'], variables: ['v'], sessions: ['s'], all: false } },
    { body: { all: true } },
  ],
  'GET /v1/checkpoints': page,
  'GET /v1/checkpoints/:checkpoint': [{ params: checkpoint }],
  'DELETE /v1/checkpoints/:checkpoint': [{ params: checkpoint }],
  'GET /v1/checkpoints/:checkpoint/content': [{ params: checkpoint }],
  'POST /v1/checkpoints/:checkpoint/restore': [{ params: checkpoint, body: { create_missing: true } }],
};
