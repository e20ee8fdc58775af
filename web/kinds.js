// @ts-check

/**
 * @typedef {object} Kind
 * @property {string} className
 * @property {string} label
 * @property {readonly string[]} gates Blocks of columns of kernel, recurrent kernel and bias, in order.
 * @property {readonly string[]} states
 * @property {string} formula
 */

/** @type {Readonly<Record<string, Kind>>} */
export const KINDS = {
  SimpleRNNCell: {
    className: 'SimpleRNNCell',
    label: 'SimpleRNN',
    gates: ['h'],
    states: ['h'],
    formula: 'h′ = activation(x·W + h·U + b)',
  },
  GRUCell: {
    className: 'GRUCell',
    label: 'GRU',
    gates: ['z', 'r', 'h'],
    states: ['h'],
    formula:
      'z = σ(x·Wz + h·Uz + bz),  r = σ(x·Wr + h·Ur + br)\nĥ = activation(x·Wh + bh + r∘(h·Uh + b′h))\nh′ = z∘h + (1 − z)∘ĥ',
  },
  LSTMCell: {
    className: 'LSTMCell',
    label: 'LSTM',
    gates: ['i', 'f', 'c', 'o'],
    states: ['h', 'c'],
    formula:
      'i, f, o = σ(x·W + h·U + b), each with its own columns\nc′ = f∘c + i∘activation(x·Wc + h·Uc + bc)\nh′ = o∘activation(c′)',
  },
};

/** What the gates and intermediates of a trace are. @type {Readonly<Record<string, string>>} */
export const GATE_NAMES = {
  h: 'h, new state',
  z: 'z, update: how much of the old state stays',
  r: 'r, reset: how much of it the candidate sees',
  hh: 'ĥ, candidate',
  i: 'i, input: how much of the candidate comes in',
  f: 'f, forget: how much of the old memory stays',
  c: 'ĉ, candidate',
  o: 'o, output: how much of the memory shows',
  new_c: 'c′, new memory',
};

const tutorial = {
  kind: 'SimpleRNNCell',
  units: 1,
  features: 1,
  activation: 'linear',
  useBias: true,
  resetAfter: true,
};

/**
 * @typedef {object} Preset
 * @property {string} label
 * @property {{ kind: string, units: number, features: number, activation: string, useBias: boolean, resetAfter: boolean }} options
 * @property {Record<string, unknown>} [weights] Drawn where left out.
 * @property {(number | string)[][]} [states] Zeros where left out.
 * @property {(number | string)[]} inputs
 */

/** @type {readonly Preset[]} */
export const PRESETS = [
  {
    label: 'x = 2, h = 1: 2 + 1 + 3 = 6',
    options: tutorial,
    weights: { kernel: [[1]], recurrent_kernel: [[1]], bias: [3] },
    states: [[1]],
    inputs: [2],
  },
  {
    label: 'x = 3, h = 6: 3 + 6·3 + 1 = 22',
    options: tutorial,
    weights: { kernel: [[1]], recurrent_kernel: [[3]], bias: [1] },
    states: [[6]],
    inputs: [3],
  },
  { label: 'The gates of a GRU', options: { ...tutorial, kind: 'GRUCell', units: 2, activation: 'tanh' }, inputs: [1] },
  {
    label: 'The memory of an LSTM',
    options: { ...tutorial, kind: 'LSTMCell', units: 2, features: 2, activation: 'tanh' },
    inputs: [1, -1],
  },
];
