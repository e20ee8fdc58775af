import { number } from '../../cells/activations/activations.ts';
import type { ActivationSpec } from '../../domain/program.ts';

/** An activation as the kernels know it: a case of kernels/activate.ts and its parameters. */
export interface KernelActivation {
  readonly code: number;
  readonly alpha: number;
  readonly beta: number;
}

type Parameters = ActivationSpec['params'];

/** The activations that have a kernel; the others are computed by the reference engine. */
const KERNELS: Readonly<Record<string, (params: Parameters) => KernelActivation | undefined>> = {
  linear: () => kernel(0),
  sigmoid: () => kernel(1),
  tanh: () => kernel(2),
  relu: (p) => relu(number(p, 'negative_slope'), p.max_value, number(p, 'threshold')),
  hard_sigmoid: () => kernel(4),
  leaky_relu: (p) => kernel(5, number(p, 'negative_slope')),
  hard_tanh: () => kernel(6, -1, 1),
  relu6: () => kernel(6, 0, 6),
  softsign: () => kernel(7),
  affine: (p) => kernel(8, number(p, 'alpha'), number(p, 'beta')),
  scaled_tanh: (p) => kernel(9, number(p, 'alpha'), number(p, 'beta')),
  thresholded_relu: (p) => kernel(10, number(p, 'alpha')),
  onnx_hard_sigmoid: (p) => kernel(11, number(p, 'alpha'), number(p, 'beta')),
  silu: () => kernel(12),
  hard_silu: () => kernel(13),
};

export function kernelActivation({ name, params }: ActivationSpec): KernelActivation | undefined {
  return Object.hasOwn(KERNELS, name) ? KERNELS[name](params) : undefined;
}

function kernel(code: number, alpha = 0, beta = 0): KernelActivation {
  return { code, alpha, beta };
}

/** Keras' relu, except with a threshold, or with both a slope and a maximum. */
function relu(slope: number, maxValue: Parameters[string], threshold: number): KernelActivation | undefined {
  if (threshold !== 0) return undefined;
  if (maxValue === null) return slope === 0 ? kernel(3) : kernel(5, slope);
  return slope === 0 && typeof maxValue === 'number' && maxValue >= 0 ? kernel(6, 0, maxValue) : undefined;
}
