import type { JsonObject } from '../../../src/domain/json.ts';
import type { DrawnLayer } from '../networks/blocks.ts';
import type { DrawnNetwork } from '../networks/networks.ts';
import { caseOf, type NetworkPathCase } from './network-cases.ts';

const layer = (class_name: string, config: JsonObject = {}, ...from: string[]) => ({ class_name, config, from });

/** Layers named n0, n1 …, each over the one before it where nothing else is said. */
function network(
  layers: readonly ReturnType<typeof layer>[],
  { dtype = 'float32', ...given }: Partial<DrawnNetwork> = {},
): DrawnNetwork {
  const named = layers.map(({ class_name, config, from }, k): DrawnLayer => {
    const before = from.length > 0 ? from : [k === 0 ? 'in' : `n${k - 1}`];
    return { class_name, name: `n${k}`, config: { ...config, name: `n${k}`, dtype }, from: before };
  });
  const usual = { tokens: false, features: 3, steps: 5, fixed: false, seed: 11, outputSteps: undefined };
  return { ...usual, ...given, dtype, layers: named };
}

const causal = (config: JsonObject = {}) =>
  layer('Conv1D', { filters: 4, kernel_size: 3, padding: 'causal', dilation_rate: 2, ...config });
const dense = (units: number, ...from: string[]) => layer('Dense', { units }, ...from);

const NORMALIZATIONS = [
  layer('LayerNormalization'),
  layer('LayerNormalization', { rms_scaling: true }),
  layer('LayerNormalization', { center: false, scale: false }),
  layer('RMSNormalization'),
  layer('UnitNormalization'),
  layer('BatchNormalization'),
  layer('BatchNormalization', { center: false, scale: false }),
  layer('Normalization'),
  layer('Normalization', { invert: true }),
];

/** Networks that are drawn too seldom. */
const NETWORKS: Readonly<Record<string, DrawnNetwork>> = {
  'windows over earlier steps': network([causal(), causal({ dilation_rate: 1, activation: 'tanh' }), dense(2)]),
  'windows over more steps than there are': network([causal({ dilation_rate: 3 })], { steps: 2 }),
  'every normalization': network(NORMALIZATIONS, { features: 5 }),
  'every normalization of float64': network(NORMALIZATIONS, { features: 5, dtype: 'float64' }),
  'noise in float64': network([layer('Dropout', { rate: 0.4 }), layer('GaussianNoise', { stddev: 0.1 }), dense(2)], {
    dtype: 'float64',
  }),
  'masks joined': network([
    layer('Masking'),
    layer('GRU', { units: 3, return_sequences: true }),
    layer('Add', {}, 'n0', 'n1'),
    layer('Concatenate', {}, 'n1', 'n2'),
    layer('LSTM', { units: 2, return_sequences: true }),
  ]),
  'one mask of two': network([
    layer('Conv1D', { filters: 2, kernel_size: 1, padding: 'causal' }),
    layer('Masking', {}, 'in'),
    layer('Concatenate', {}, 'n0', 'n1'),
    layer('GRU', { units: 2 }),
  ]),
  'ids that mask': network(
    [layer('Embedding', { input_dim: 7, output_dim: 3, mask_zero: true }), layer('LSTM', { units: 2 })],
    {
      tokens: true,
    },
  ),
  'no features': network(
    [dense(4), layer('Conv1D', { filters: 2, kernel_size: 1 }, 'in'), layer('Concatenate', {}, 'n0', 'n1')],
    {
      features: 0,
    },
  ),
  'two steps back over wide rows': network([causal({ filters: 70, activation: 'softplus' }), dense(33)], {
    features: 65,
  }),
};

const OPTIONS = { batch: 3, masked: true, states: true };

/** By what is odd of each. */
export function oddNetworks(): [string, NetworkPathCase][] {
  const made = Object.entries(NETWORKS).flatMap(([name, one]): [string, NetworkPathCase][] => [
    [name, caseOf(one, OPTIONS)],
    [`${name}, no mask`, caseOf(one, { ...OPTIONS, masked: false })],
  ]);
  const [[, { program, ...rest }]] = made;
  return [
    ...made,
    ['no layer', { ...rest, program: { ...program, nodes: [], output: -1 }, request: { ...rest.request, states: [] } }],
  ];
}

/** So many weights that they are packed in slices. */
export function manyWeights(): NetworkPathCase {
  const one = network([dense(520), layer('GRU', { units: 160 })], { features: 520, steps: 2 });
  return caseOf(one, { batch: 2, masked: false, states: true });
}

/** What no path can compute, and a part of what each of them says. */
export function refusedNetworks(): [string, NetworkPathCase][] {
  const masked = caseOf(network([layer('Softmax')]), { ...OPTIONS, masked: false });
  const mask = new Uint8Array(masked.request.batch * masked.request.time).fill(1);
  const twice = network([layer('UpSampling1D', { size: 2 }), layer('Add', {}, 'in', 'n0')]);
  return [
    [
      'needs at least 3 steps',
      caseOf(network([layer('Conv1D', { filters: 2, kernel_size: 3 })], { steps: 2 }), OPTIONS),
    ],
    ['cannot take a mask', { ...masked, request: { ...masked.request, mask } }],
    ['do not fit together', caseOf(twice, OPTIONS)],
  ];
}
