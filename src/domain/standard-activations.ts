import type { ActivationSpec } from './program.ts';

/** The activations that every framework has, under their canonical names. */
export const TANH: ActivationSpec = { name: 'tanh', params: {} };
export const SIGMOID: ActivationSpec = { name: 'sigmoid', params: {} };
export const RELU: ActivationSpec = { name: 'relu', params: { negative_slope: 0, max_value: null, threshold: 0 } };
