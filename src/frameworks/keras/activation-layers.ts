import type { Parameters } from './identifiers.ts';

/** A Keras layer without variables that a cell can take as its activation. Source: keras/src/layers/activations. */
export type ActivationLayer =
  | {
      readonly wraps: false;
      readonly activation: string;
      /** In the order of get_config(). */
      readonly parameters: Parameters;
      /** Has no get_config() of its own: Keras' automatic one prints what the layer was made with, in that order. */
      readonly automaticConfig?: true;
      /** Older names of parameters that Keras still takes. */
      readonly legacy?: Readonly<Record<string, string>>;
    }
  | { readonly wraps: true };

export const ACTIVATION_LAYERS: Readonly<Record<string, ActivationLayer>> = {
  Activation: { wraps: true },
  ELU: {
    wraps: false,
    activation: 'elu',
    parameters: { alpha: { kind: 'number', default: 1 } },
    automaticConfig: true,
  },
  Identity: { wraps: false, activation: 'linear', parameters: {}, automaticConfig: true },
  LeakyReLU: {
    wraps: false,
    activation: 'leaky_relu',
    parameters: { negative_slope: { kind: 'non-negative', default: 0.3 } },
    legacy: { alpha: 'negative_slope' },
  },
  ReLU: {
    wraps: false,
    activation: 'relu',
    parameters: {
      max_value: { kind: 'non-negative or null', default: null },
      negative_slope: { kind: 'non-negative', default: 0 },
      threshold: { kind: 'non-negative', default: 0 },
    },
  },
  Softmax: { wraps: false, activation: 'softmax', parameters: { axis: { kind: 'row axis', default: -1 } } },
};
