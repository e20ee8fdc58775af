import type { Framework } from '../../src/domain/cell-definition.ts';
import { HDF5, KERAS, NPZ, ONNX, SAFETENSORS } from '../../src/domain/media-types.ts';

/** A cell whose files are exchanged with its framework. */
export interface InteropCase {
  readonly name: string;
  readonly framework: Framework;
  readonly class_name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly features: number;
  /** Shapes of the weights, for ONNX, whose operators leave some of them to choose. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** Names and shapes of weights do not tell its configuration. */
  readonly untold?: true;
}

export interface InteropFormat {
  readonly extension: string;
  readonly accept: string;
  readonly mediaType: string;
  /** Frameworks whose cells it holds; `whole` those that it holds so that POST makes the same cell of it. */
  readonly frameworks: readonly Framework[];
  readonly whole: readonly Framework[];
}

const ALL: readonly Framework[] = ['keras', 'pytorch', 'onnx'];

function format(
  extension: string,
  mediaType: string,
  frameworks: readonly Framework[],
  whole: readonly Framework[],
  accept = mediaType,
): InteropFormat {
  return { extension, accept, mediaType, frameworks, whole };
}

export const FORMATS: readonly InteropFormat[] = [
  format('.safetensors', SAFETENSORS, ALL, ['pytorch']),
  format('.npz', NPZ, ALL, ['pytorch']),
  format('.weights.h5', HDF5, ['keras'], []),
  format('.h5', HDF5, ['keras'], ['keras'], `${HDF5}; profile=legacy`),
  format('.keras', KERAS, ['keras'], ['keras']),
  format('.onnx', ONNX, ['onnx'], ['onnx']),
];

function keras(name: string, class_name: string, config: InteropCase['config'], features = 3): InteropCase {
  return { name: `Keras ${name}`, framework: 'keras', class_name, config, features };
}

const gru = { class_name: 'GRUCell', config: { name: 'first', units: 4 } };
const lstm = { class_name: 'LSTMCell', config: { name: 'second', units: 3 } };
const third = { class_name: 'GRUCell', config: { name: 'third', units: 2, reset_after: false } };
const rnn = { class_name: 'SimpleRNNCell', config: { name: 'fourth', units: 5, use_bias: false } };
const stack = { class_name: 'StackedRNNCells', config: { name: 'stack', cells: [gru, lstm, third, rnn] } };
const sequences = { return_sequences: true };

const KERAS_CASES: readonly InteropCase[] = [
  keras('SimpleRNN', 'SimpleRNN', { units: 4, ...sequences }),
  keras('SimpleRNN, relu, its last output', 'SimpleRNN', { units: 4, activation: 'relu' }),
  keras('GRU', 'GRU', { units: 4, ...sequences }),
  keras('GRU, reset before', 'GRU', { units: 4, reset_after: false, ...sequences }),
  keras('GRU, float64', 'GRU', { units: 4, dtype: 'float64', ...sequences }),
  keras('GRU without bias, backwards', 'GRU', { units: 5, use_bias: false, go_backwards: true, ...sequences }),
  keras('LSTM', 'LSTM', { units: 4, ...sequences }),
  keras('LSTM that returns its state', 'LSTM', { units: 4, return_state: true }),
  keras('LSTM, other activations', 'LSTM', { units: 3, activation: 'softsign', recurrent_activation: 'hard_sigmoid' }),
  keras('RNN of an LSTMCell', 'RNN', { cell: lstm, ...sequences }),
  keras('RNN of a stack', 'RNN', { cell: stack, ...sequences }),
  keras('Bidirectional, concat', 'Bidirectional', {
    layer: { class_name: 'LSTM', config: { name: 'both', units: 4, ...sequences } },
  }),
  keras('Bidirectional, sum', 'Bidirectional', {
    layer: { class_name: 'GRU', config: { name: 'both', units: 4 } },
    merge_mode: 'sum',
  }),
  keras('Bidirectional of two classes', 'Bidirectional', {
    layer: { class_name: 'GRU', config: { name: 'there', units: 4, ...sequences } },
    backward_layer: { class_name: 'LSTM', config: { name: 'back', units: 2, go_backwards: true, ...sequences } },
  }),
  keras('Bidirectional of a stack', 'Bidirectional', {
    layer: { class_name: 'RNN', config: { name: 'both', cell: stack, ...sequences } },
  }),
  keras('SimpleRNNCell', 'SimpleRNNCell', { units: 4 }),
  keras('GRUCell', 'GRUCell', { units: 4 }, 1),
  keras('GRUCell, reset before', 'GRUCell', { units: 4, reset_after: false }),
  keras('LSTMCell', 'LSTMCell', { units: 4 }),
  keras('LSTMCell, float64', 'LSTMCell', { units: 4, dtype: 'float64' }),
  keras('StackedRNNCells', 'StackedRNNCells', stack.config),
];

function pytorch(name: string, class_name: string, config: InteropCase['config'] = {}, untold?: true): InteropCase {
  const sizes = { input_size: 3, hidden_size: 4 };
  const told = untold ? { untold } : {};
  return {
    ...{ name: `PyTorch ${name}`, framework: 'pytorch', class_name, config: { ...sizes, ...config }, features: 3 },
    ...told,
  };
}

const twoLayers = { num_layers: 2, bidirectional: true };

const PYTORCH_CASES: readonly InteropCase[] = [
  pytorch('RNNCell', 'RNNCell'),
  pytorch('RNNCell, relu', 'RNNCell', { nonlinearity: 'relu' }, true),
  pytorch('GRUCell', 'GRUCell'),
  pytorch('GRUCell without bias', 'GRUCell', { bias: false }),
  pytorch('LSTMCell', 'LSTMCell'),
  pytorch('LSTMCell, float64', 'LSTMCell', { dtype: 'torch.float64' }),
  pytorch('RNN, 2 layers, both directions', 'RNN', twoLayers),
  pytorch('GRU, 2 layers, both directions', 'GRU', twoLayers),
  pytorch('GRU, batch first', 'GRU', { batch_first: true }, true),
  pytorch('LSTM, 2 layers, both directions', 'LSTM', twoLayers),
  pytorch('LSTM, projected', 'LSTM', { proj_size: 2 }),
  pytorch('LSTM, projected, 2 layers, both directions', 'LSTM', { ...twoLayers, proj_size: 2 }),
];

const GATES = { RNN: 1, GRU: 3, LSTM: 4 } as const;
/** Weights that an operator may have or not. */
type Optional = 'B' | 'P';

function onnx(
  name: string,
  class_name: keyof typeof GATES,
  config: InteropCase['config'],
  optional: readonly Optional[],
): InteropCase {
  const [features, hidden, gates] = [3, 4, GATES[class_name]];
  const directions = config.direction === 'bidirectional' ? 2 : 1;
  const all = {
    W: [directions, gates * hidden, features],
    R: [directions, gates * hidden, hidden],
    B: [directions, 2 * gates * hidden],
    P: [directions, 3 * hidden],
  };
  const shapes = Object.fromEntries((['W', 'R', ...optional] as const).map((weight) => [weight, all[weight]]));
  const attributes = { hidden_size: hidden, ...config };
  return { name: `ONNX ${name}`, framework: 'onnx', class_name, config: attributes, features, shapes };
}

const bidirectional = { direction: 'bidirectional' };

const ONNX_CASES: readonly InteropCase[] = [
  onnx('RNN', 'RNN', {}, ['B']),
  onnx('RNN, backwards, relu', 'RNN', { direction: 'reverse', activations: ['Relu'] }, ['B']),
  onnx('GRU', 'GRU', { linear_before_reset: 0 }, ['B']),
  onnx('GRU, linear before reset', 'GRU', { linear_before_reset: 1 }, ['B']),
  onnx('GRU, both directions, without B', 'GRU', bidirectional, []),
  onnx('LSTM', 'LSTM', {}, ['B']),
  onnx('LSTM, both directions', 'LSTM', bidirectional, ['B']),
  onnx('LSTM, peepholes', 'LSTM', {}, ['B', 'P']),
  onnx('LSTM, peepholes without B', 'LSTM', {}, ['P']),
  onnx('LSTM, clip', 'LSTM', { clip: 0.3 }, ['B']),
  onnx('LSTM, both directions, peepholes, clip', 'LSTM', { ...bidirectional, clip: 0.5 }, ['B', 'P']),
  onnx(
    'LSTM, other activations',
    'LSTM',
    { activations: ['HardSigmoid', 'Tanh', 'Softsign'], activation_alpha: [0.3], activation_beta: [0.4] },
    ['B'],
  ),
];

export const CASES: readonly InteropCase[] = [...KERAS_CASES, ...PYTORCH_CASES, ...ONNX_CASES];
