import type { Kind } from '../model/layers.ts';

/** The options of the cell that the page makes. */
export interface Spec {
  readonly kind: Kind;
  readonly units: number;
  readonly features: number;
  /** Layers, one above the other. */
  readonly layers: number;
  readonly activation: string;
  readonly recurrentActivation: string;
  readonly useBias: boolean;
  readonly resetAfter: boolean;
}

export const FIRST_SPEC: Spec = {
  kind: 'gru',
  units: 6,
  features: 1,
  layers: 1,
  activation: 'tanh',
  recurrentActivation: 'sigmoid',
  useBias: true,
  resetAfter: true,
};

export const ACTIVATIONS = [
  'tanh',
  'sigmoid',
  'relu',
  'linear',
  'hard_sigmoid',
  'elu',
  'selu',
  'softsign',
  'softplus',
  'silu',
  'gelu',
  'mish',
  'leaky_relu',
  'exponential',
  'softmax',
] as const;

const CLASSES: Readonly<Record<Kind, string>> = { simple: 'SimpleRNNCell', gru: 'GRUCell', lstm: 'LSTMCell' };

/** The body that makes the cell. `seed` makes its weights the same ones again. */
export function newCell(spec: Spec, seed: number): Record<string, unknown> {
  const cells = Array.from({ length: spec.layers }, (_, i) => ({
    class_name: CLASSES[spec.kind],
    config: configOf(spec, seed + 2 * i),
  }));
  const one = cells.length === 1 ? cells[0] : { class_name: 'StackedRNNCells', config: { cells } };
  return { ...one, input_shape: [null, spec.features] };
}

function configOf(spec: Spec, seed: number): Record<string, unknown> {
  return {
    units: spec.units,
    activation: spec.activation,
    use_bias: spec.useBias,
    ...(spec.kind === 'simple' ? {} : { recurrent_activation: spec.recurrentActivation }),
    ...(spec.kind === 'gru' ? { reset_after: spec.resetAfter } : {}),
    kernel_initializer: { class_name: 'GlorotUniform', config: { seed } },
    recurrent_initializer: { class_name: 'Orthogonal', config: { seed: seed + 1 } },
  };
}

/** The options as fields of an address, and back; what an address leaves out or has wrong is as in the first cell. */
export function specQuery(spec: Spec): Record<string, string | number> {
  return {
    kind: spec.kind,
    units: spec.units,
    features: spec.features,
    layers: spec.layers,
    activation: spec.activation,
    ...(spec.kind === 'simple' ? {} : { recurrent: spec.recurrentActivation }),
    ...(spec.useBias ? {} : { bias: 0 }),
    ...(spec.kind === 'gru' && !spec.resetAfter ? { reset_after: 0 } : {}),
  };
}

export function specFrom(query: Readonly<Record<string, string>>): Spec {
  const kind = Object.keys(CLASSES).find((name) => name === query.kind) as Kind | undefined;
  const whole = (text: string | undefined, otherwise: number, most: number) =>
    Math.max(1, Math.min(most, Math.trunc(Number(text)) || otherwise));
  return {
    kind: kind ?? FIRST_SPEC.kind,
    units: whole(query.units, FIRST_SPEC.units, 128),
    features: whole(query.features, 1, 16),
    layers: whole(query.layers, 1, 4),
    activation: query.activation ?? 'tanh',
    recurrentActivation: query.recurrent ?? 'sigmoid',
    useBias: query.bias !== '0',
    resetAfter: query.reset_after !== '0',
  };
}
