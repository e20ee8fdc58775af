import { type ActivationSpec, type CellProgram, GATES, type LstmProgram } from '../../src/domain/program.ts';
import { allocate, type Dtype, type FloatArray, rounder } from '../../src/domain/tensor.ts';
import { kerasActivation } from '../cells/golden-data.ts';

const spec = (name: string, params: ActivationSpec['params']): ActivationSpec => ({ name, params });

/** Every activation with a kernel, with parameters in their range, and two without. */
export const SPECS: readonly ActivationSpec[] = [
  ...['linear', 'sigmoid', 'tanh', 'relu', 'hard_sigmoid', 'hard_tanh', 'relu6', 'softsign', 'silu', 'hard_silu'].map(
    (name) => kerasActivation(name),
  ),
  spec('leaky_relu', { negative_slope: 0.2 }),
  spec('relu', { negative_slope: 0.1, max_value: null, threshold: 0 }),
  spec('relu', { negative_slope: 0, max_value: 0.5, threshold: 0 }),
  spec('affine', { alpha: 0.7, beta: -0.1 }),
  spec('scaled_tanh', { alpha: 1.7, beta: 0.6 }),
  spec('thresholded_relu', { alpha: 0.3 }),
  spec('onnx_hard_sigmoid', { alpha: 0.2, beta: 0.5 }),
  spec('relu', { negative_slope: 0.1, max_value: 2, threshold: 0.5 }),
  kerasActivation('softplus'),
  kerasActivation('softmax'),
];

/** Numbers that go wrong first. */
const SPECIAL = [0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e-40, -1e-45, 1e30, -3e38];

/** Reproducible numbers of a dtype in [-scale, scale]; one in `rarity` is special, none where it is 0. */
export function numbers(dtype: Dtype, size: number, seed: number, scale = 1, rarity = 0): FloatArray {
  const round = rounder(dtype);
  const values = allocate(dtype, size) as FloatArray;
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return ((state >>> 8) & 0xffff) / 0x10000;
  };
  for (let k = 0; k < size; k++) {
    const value = (2 * next() - 1) * scale;
    values[k] = round(rarity > 0 && next() * rarity < 1 ? SPECIAL[Math.floor(next() * SPECIAL.length)] : value);
  }
  return values;
}

/** What a cell is made from; its weights are drawn by the seed. */
export interface CellParts {
  readonly kind: CellProgram['kind'];
  readonly features: number;
  readonly units: number;
  readonly dtype: Dtype;
  readonly clip: number | undefined;
  readonly seed: number;
  /** Six, each an option that some kinds have. */
  readonly flags: readonly boolean[];
  readonly activations: readonly [ActivationSpec, ActivationSpec, ActivationSpec];
  /** Width of the projection of an LSTM; none where it is 0. */
  readonly projected: number;
}

/** `draw` may draw something else than numbers, for a cell whose sizes alone are looked at. */
export function cellOfParts(parts: CellParts, draw = numbers): CellProgram {
  const { kind, features, units, dtype, clip, seed, flags, activations, projected } = parts;
  const [withBias, other, peeped, forgetful, resetAfter, wideBias] = flags;
  const columns = GATES[kind].length * units;
  const state = kind === 'lstm' && projected > 0 ? projected : units;
  const weights = (length: number, salt: number, scale: number) => draw(dtype, length, seed + salt, scale);
  // A bias may have more digits than the rest: the sum of two.
  const bias = draw(wideBias && dtype === 'float32' ? 'float64' : dtype, columns, seed + 3);
  const base = {
    features,
    units,
    computeDtype: dtype,
    ...(clip === undefined ? {} : { clip }),
    kernel: weights(features * columns, 1, 2 / Math.sqrt(features + 1)),
    recurrentKernel: weights(state * columns, 2, 2 / Math.sqrt(state)),
    ...(withBias ? { bias } : {}),
    activation: activations[0],
  };
  if (kind === 'simple_rnn') return { kind, ...base };
  const gated = { ...base, recurrentActivation: activations[1] };
  if (kind === 'gru') {
    return { kind, ...gated, resetAfter, ...(other ? { recurrentBias: weights(columns, 4, 1) } : {}) };
  }
  return {
    kind,
    ...gated,
    outputActivation: activations[2],
    ...(forgetful && other ? { inputForget: true } : {}),
    ...(peeped ? { peepholes: weights(3 * units, 5, 1) } : {}),
    ...(state === units ? {} : { projection: weights(units * state, 6, 1) }),
  } satisfies LstmProgram;
}
