import { number, type Parameters } from './activations.ts';
import { hardSigmoid, squareplus } from './activations-elementwise.ts';
import { erfc } from './erf.ts';
import { sigmoid, tanh } from './exponential.ts';

/** The derivative of an element-wise activation at x. */
export type Derivative = (x: number) => number;

/**
 * Derivatives in closed form, by the names of ACTIVATIONS, without cancellation in the tails. At a kink each is what
 * TensorFlow's gradient of Keras' function gives (checked against Keras 3.15.1): relu'(0) = 0, leaky_relu'(0) = slope,
 * selu'(0) = its scale, hard_tanh'(±1) = 1, relu6'(6) = 0 … One departs: celu'(0) is 1 here, while TensorFlow counts both
 * sides of its max and min and says 2.
 */
export const DERIVATIVES: Readonly<Record<string, (params: Parameters) => Derivative>> = {
  celu: (p) => celu(number(p, 'alpha')),
  elu: (p) => {
    const alpha = number(p, 'alpha');
    return (x) => (x > 0 ? 1 : alpha * Math.exp(x));
  },
  exponential: () => Math.exp,
  gelu: (p) => (p.approximate ? geluApproximate : gelu),
  hard_shrink: (p) => outside(number(p, 'threshold')),
  hard_sigmoid: () => between(-3, 3, 1 / 6),
  hard_silu: () => (x) => hardSigmoid(x) + (x > -3 && x < 3 ? x / 6 : 0),
  hard_tanh: () => (x) => (x >= -1 && x <= 1 ? 1 : 0),
  leaky_relu: (p) => leakyRelu(number(p, 'negative_slope')),
  linear: () => () => 1,
  log_sigmoid: () => (x) => sigmoid(-x),
  mish: () => mish,
  relu: (p) =>
    relu(number(p, 'negative_slope'), p.max_value === null ? null : number(p, 'max_value'), number(p, 'threshold')),
  relu6: () => between(0, 6, 1),
  selu: () => selu,
  sigmoid: () => (x) => sigmoid(x) * sigmoid(-x),
  silu: () => (x) => sigmoid(x) * (1 + x * sigmoid(-x)),
  soft_shrink: (p) => outside(number(p, 'threshold')),
  softplus: () => sigmoid,
  softsign: () => (x) => 1 / (1 + Math.abs(x)) ** 2,
  sparse_plus: () => (x) => (x <= -1 ? 0 : x < 1 ? (x + 1) / 2 : 1),
  sparse_sigmoid: () => between(-1, 1, 0.5),
  squareplus: (p) => squareplusDerivative(number(p, 'b')),
  tanh: () => sech2,
  tanh_shrink: () => (x) => tanh(x) ** 2,
  threshold: (p) => {
    const limit = number(p, 'threshold');
    return (x) => (x > limit ? 1 : 0);
  },
  affine: (p) => {
    const alpha = number(p, 'alpha');
    return () => alpha;
  },
  scaled_tanh: (p) => {
    const [alpha, beta] = [number(p, 'alpha'), number(p, 'beta')];
    return (x) => alpha * beta * sech2(beta * x);
  },
  thresholded_relu: (p) => {
    const limit = number(p, 'alpha');
    return (x) => (x >= limit ? 1 : 0);
  },
  onnx_hard_sigmoid: (p) => {
    const [alpha, beta] = [number(p, 'alpha'), number(p, 'beta')];
    const inside = between(0, 1, alpha);
    return (x) => inside(alpha * x + beta);
  },
};

/** `inside` where low < x < high, else 0. */
function between(low: number, high: number, inside: number): Derivative {
  return (x) => (x > low && x < high ? inside : 0);
}

/** 1 where |x| > threshold, else 0. */
function outside(threshold: number): Derivative {
  return (x) => (x > threshold || x < -threshold ? 1 : 0);
}

/** 1/cosh²(x), the derivative of tanh; no cancellation as in 1 - tanh². */
function sech2(x: number): number {
  return 1 / Math.cosh(x) ** 2;
}

function celu(alpha: number): Derivative {
  return (x) => (x >= 0 ? 1 : Math.exp(x / alpha));
}

// Of activations-elementwise.ts; TensorFlow takes the upper branch at 0.
function selu(x: number): number {
  return x >= 0 ? 1.0507009873554805 : 1.7580993408473768 * Math.exp(x);
}

/** Φ(x) + x·φ(x). */
function gelu(x: number): number {
  const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
  return 0.5 * erfc(-x * Math.SQRT1_2) + (density === 0 ? 0 : x * density);
}

/** Of x·s(u), u = √(8/π)·(x + 0.044715x³): s(u) + x·s(u)·s(-u)·u'. */
function geluApproximate(x: number): number {
  if (Math.abs(x) > 40) return x > 0 ? 1 : 0;
  const root = Math.sqrt(8 / Math.PI);
  const u = root * (x + 0.044715 * x * x * x);
  return sigmoid(u) * (1 + x * sigmoid(-u) * root * (1 + 3 * 0.044715 * x * x));
}

/** Of x·t, t = tanh(softplus(x)) = n/(n + 2), n = e^x·(e^x + 2): t + x·(1 - t²)·sigmoid(x). */
function mish(x: number): number {
  if (x > 40) return 1;
  const e = Math.exp(x);
  const n = e * (e + 2);
  return n / (n + 2) + x * sigmoid(x) * ((4 * (n + 1)) / ((n + 2) * (n + 2)));
}

function leakyRelu(slope: number): Derivative {
  return (x) => (x > 0 ? 1 : slope);
}

/** The three cases of Keras' relu, as in activations-elementwise.ts; its clip has derivative 1 at both ends, its relu6 0. */
function relu(slope: number, maxValue: number | null, threshold: number): Derivative {
  if (maxValue === null && threshold === 0) return leakyRelu(slope);
  const clipped = (x: number) => {
    if (!(x > threshold)) return 0;
    if (maxValue === null) return 1;
    if (threshold === 0 && maxValue === 6) return x < 6 ? 1 : 0;
    return x >= 0 && x <= maxValue ? 1 : 0;
  };
  return (x) => clipped(x) + (x < threshold ? slope : 0);
}

/** (1 + x/√(x² + b))/2 = squareplus(x)/√(x² + b), which does not cancel for x < 0. */
function squareplusDerivative(b: number): Derivative {
  const value = squareplus(b);
  return (x) => (Math.abs(x) > 1e150 ? Number(x > 0) : value(x) / Math.sqrt(x * x + b));
}
