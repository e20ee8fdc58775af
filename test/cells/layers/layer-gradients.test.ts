import { describe, expect, it } from 'vitest';
import { layerForward } from '../../../src/cells/layers/layer-formulas.ts';
import { layerPull } from '../../../src/cells/layers/layer-gradients.ts';
import type { AnyLayer, LayerKind, LayerParams, LayerProgram } from '../../../src/domain/layers.ts';

interface Example<K extends LayerKind = LayerKind> {
  readonly kind: K;
  readonly params: LayerParams[K];
  /** Sizes of the arrays. */
  readonly arrays?: Readonly<Record<string, number>>;
  /** Numbers of each input in a unit. */
  readonly inputs: readonly number[];
  readonly inputWidths?: readonly number[];
  readonly outputWidth: number;
  readonly rowWidth?: number;
  readonly time?: number;
  readonly mask?: readonly number[];
  /** Inputs that no small step changes: token ids. */
  readonly discrete?: true;
}

function example<K extends LayerKind>(kind: K, params: LayerParams[K], rest: Omit<Example<K>, 'kind' | 'params'>) {
  return { kind, params, ...rest } as unknown as Example;
}

const same = { places: null, repeated: false };
const merges = (['add', 'subtract', 'multiply', 'average', 'maximum', 'minimum'] as const).map((mode) =>
  example('merge', { mode, inputs: [same, same] }, { inputs: [6, 6], outputWidth: 3, time: 2 }),
);
const EXAMPLES: readonly Example[] = [
  example('identity', {}, { inputs: [4], outputWidth: 4 }),
  example('dense', {}, { inputs: [6], arrays: { kernel: 12, bias: 4 }, outputWidth: 8, rowWidth: 4 }),
  example('embedding', {}, { inputs: [2], arrays: { embeddings: 12 }, outputWidth: 3, rowWidth: 3, discrete: true }),
  example('masking', { maskValue: 0 }, { inputs: [3], outputWidth: 3 }),
  example(
    'layer_normalization',
    { epsilon: 1e-3, rmsScaling: false },
    { inputs: [10], arrays: { gamma: 5, beta: 5 }, outputWidth: 10, rowWidth: 5 },
  ),
  example(
    'layer_normalization',
    { epsilon: 1e-3, rmsScaling: true },
    { inputs: [5], arrays: { gamma: 5 }, outputWidth: 5 },
  ),
  example('rms_normalization', { epsilon: 1e-6 }, { inputs: [5], arrays: { scale: 5 }, outputWidth: 5 }),
  example('unit_normalization', {}, { inputs: [5], outputWidth: 5 }),
  example(
    'batch_normalization',
    { epsilon: 1e-3, momentum: 0.9, trained: true, eachStep: false },
    { inputs: [6], arrays: { gamma: 3, beta: 3, moving_mean: 3, moving_variance: 3 }, outputWidth: 3 },
  ),
  example('normalization', { invert: false }, { inputs: [3], arrays: { mean: 3, variance: 3 }, outputWidth: 3 }),
  example('normalization', { invert: true }, { inputs: [3], arrays: { mean: 3, variance: 3 }, outputWidth: 3 }),
  example('rescaling', { scale: [2, 3], offset: [1] }, { inputs: [4], outputWidth: 4 }),
  example('prelu', { places: [0, 1, 0, 1] }, { inputs: [8], arrays: { alpha: 2 }, outputWidth: 4, time: 2 }),
  example('dropout', { rate: 0.5, steps: false }, { inputs: [4], outputWidth: 4 }),
  example('gaussian_noise', { stddev: 0.5 }, { inputs: [4], outputWidth: 4 }),
  example('gaussian_dropout', { rate: 0.5 }, { inputs: [4], outputWidth: 4 }),
  ...merges,
  example(
    'merge',
    { mode: 'multiply', inputs: [same, { places: [0, 0, 1, 1], repeated: true }] },
    { inputs: [12, 2], outputWidth: 4, time: 3 },
  ),
  example('concatenate', { widths: [2, 3] }, { inputs: [4, 6], outputWidth: 5, time: 2 }),
  example('concatenate', { widths: [null, null] }, { inputs: [4, 6], outputWidth: 2, time: 3 }),
  example(
    'conv1d',
    { taps: 3, groups: 1 },
    { inputs: [12], inputWidths: [4], arrays: { kernel: 24, bias: 2 }, outputWidth: 2 },
  ),
  example(
    'conv1d',
    { taps: 2, groups: 2 },
    { inputs: [8], inputWidths: [4], arrays: { kernel: 24, bias: 6 }, outputWidth: 6 },
  ),
  example(
    'depthwise_conv1d',
    { taps: 2 },
    { inputs: [6], inputWidths: [3], arrays: { kernel: 12, bias: 6 }, outputWidth: 6 },
  ),
  example(
    'separable_conv1d',
    { taps: 2 },
    { inputs: [6], inputWidths: [3], arrays: { depthwise_kernel: 12, pointwise_kernel: 24, bias: 4 }, outputWidth: 4 },
  ),
  example('reshape', {}, { inputs: [6], outputWidth: 6, time: 2 }),
  example('permute', { order: [1, 0], extents: [null, 3] }, { inputs: [6], outputWidth: 2, time: 2 }),
  example('repeat_vector', { times: 3 }, { inputs: [4], outputWidth: 4 }),
  example('cropping1d', { before: 1, after: 2 }, { inputs: [10], outputWidth: 2, time: 5 }),
  example('zero_padding1d', { before: 1, after: 2 }, { inputs: [4], outputWidth: 2, time: 2 }),
  example('up_sampling1d', { times: 2 }, { inputs: [6], outputWidth: 2, time: 3 }),
  example('max_pooling1d', { size: 2, stride: 1, padding: 'same' }, { inputs: [10], outputWidth: 2, time: 5 }),
  example('average_pooling1d', { size: 3, stride: 2, padding: 'same' }, { inputs: [12], outputWidth: 2, time: 6 }),
  example('average_pooling1d', { size: 2, stride: 2, padding: 'valid' }, { inputs: [10], outputWidth: 2, time: 5 }),
  example('global_max_pooling1d', {}, { inputs: [8], outputWidth: 2, time: 4 }),
  example('global_average_pooling1d', {}, { inputs: [8], outputWidth: 2, time: 4, mask: [1, 0, 1, 1] }),
];

/** Numbers that look random, the same in every run. */
function values(count: number, seed: number, positive = false): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    const value = Math.sin(12.9898 * (i + 1) + 78.233 * seed) * 43758.5453;
    const unit = value - Math.floor(value);
    return positive ? unit + 0.5 : 2 * unit - 1;
  });
}

describe('gradients of layers', () => {
  it.each(EXAMPLES.map((one) => [`${one.kind} ${JSON.stringify(one.params)}`, one] as const))('%s', (_, one) => {
    const { kind, params, arrays = {}, inputs: sizes, outputWidth, time = 1 } = one;
    const weights = Object.fromEntries(
      Object.entries(arrays).map(([name, size], k) => [name, values(size, k + 7, name.endsWith('variance'))]),
    );
    const layer = {
      kind,
      params,
      arrays: weights,
      computeDtype: 'float64',
      rowWidth: one.rowWidth ?? outputWidth,
      reach: 'sequence',
      inputWidths: one.inputWidths ?? sizes,
      outputWidth,
    } as LayerProgram as AnyLayer;
    const unit = { time, ...(one.mask ? { mask: Uint8Array.from(one.mask) } : {}) };
    const inputs = sizes.map((size, k) =>
      one.discrete ? Float64Array.from({ length: size }, (__, i) => i + 1) : values(size, k),
    );
    const output = layerForward(layer)(inputs, unit);
    const cotangent = values(output.length, 31);
    // A layer binds its weights once, so that changed ones need a layer of their own.
    const objective = (changed: AnyLayer, given: readonly Float64Array[]) =>
      layerForward(changed)(given, unit).reduce((sum, value, i) => sum + value * cotangent[i], 0);
    const sums = Object.fromEntries(
      Object.entries(weights).map(([name, { length }]) => [name, new Float64Array(length)]),
    );
    const gradients = layerPull(layer)({ inputs, output, unit }, cotangent, sums);

    const step = 1e-6;
    const difference = (evaluate: (by: number) => number) => (evaluate(step) - evaluate(-step)) / (2 * step);
    for (const [n, input] of one.discrete ? [] : inputs.entries()) {
      for (let i = 0; i < input.length; i++) {
        const slope = difference((by) => objective(layer, inputs.with(n, input.with(i, input[i] + by))));
        expect(gradients[n][i], `input ${n}[${i}]`).toBeCloseTo(slope, 6);
      }
    }
    for (const [name, array] of Object.entries(weights)) {
      if (['moving_mean', 'moving_variance', 'mean', 'variance'].includes(name)) continue;
      for (let i = 0; i < array.length; i++) {
        const slope = difference((by) =>
          objective({ ...layer, arrays: { ...weights, [name]: array.with(i, array[i] + by) } } as AnyLayer, inputs),
        );
        expect(sums[name][i], `${name}[${i}]`).toBeCloseTo(slope, 6);
      }
    }
  });

  it('has an example of every layer', () => {
    const kinds = new Set(EXAMPLES.map(({ kind }) => kind));
    expect(kinds.size).toBe(29);
  });
});
