import { erfc, erfcTail, TAIL_START } from './erf.ts';
import { sigmoid, tanh } from './exponential.ts';

/**
 * The element-wise activations in float64, without cancellation near 0 and without overflow in the tails. Where a
 * formula is written in another form than Keras', the results at NaN, infinities and signed zeros are still those of
 * Keras (keras/src/activations/activations.py, keras/src/backend/tensorflow/nn.py).
 */

/** log(1 + e^x). */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

export function logSigmoid(x: number): number {
  return -softplus(-x);
}

/** x·sigmoid(x); NaN at -Infinity, as Keras. */
export function silu(x: number): number {
  return x * sigmoid(x);
}

/** x·tanh(softplus(x)) = x·n/(n + 2) with n = e^x·(e^x + 2); NaN at -Infinity, as Keras. */
export function mish(x: number): number {
  if (x > 40) return x;
  const e = Math.exp(x);
  const n = e * (e + 2);
  return x * (n / (n + 2));
}

/** x·Φ(x), Φ the normal distribution function; NaN at -Infinity, as Keras. */
export function gelu(x: number): number {
  const z = -x * Math.SQRT1_2;
  if (!(z >= TAIL_START)) return 0.5 * x * erfc(z);
  if (x < -39) return x * 0;
  // x² is needed exactly: e^(-x²/2) makes a rounding error of the exponent a relative error of the result.
  const high = Math.trunc(x * 4096) / 4096;
  const scale = Math.exp(-0.5 * high * high - 0.5625);
  return 0.5 * x * ((scale * Math.exp(0.5 * (high - x) * (high + x) + erfcTail(z))) / z);
}

const SQRT_8_PI = 2 * Math.sqrt(2 / Math.PI);

/** x·(1 + tanh(√(2/π)(x + 0.044715x³)))/2, by (1 + tanh u)/2 = sigmoid(2u). */
export function geluApproximate(x: number): number {
  return x * sigmoid(SQRT_8_PI * (x + 0.044715 * x * x * x));
}

/** x > 0 ? x : alpha·(e^x - 1). */
export function elu(alpha: number): (x: number) => number {
  return (x) => (x > 0 ? x : alpha * Math.expm1(x));
}

/** max(x, 0) + alpha·(e^(min(x, 0)/alpha) - 1). */
export function celu(alpha: number): (x: number) => number {
  return (x) => Math.max(x, 0) + alpha * Math.expm1(Math.min(x, 0) / alpha);
}

// Klambauer et al., Self-Normalizing Neural Networks (2017); the product is rounded from more digits.
const SELU_SCALE = 1.0507009873554805;
const SELU_SCALE_ALPHA = 1.7580993408473768;

export function selu(x: number): number {
  return x > 0 ? SELU_SCALE * x : SELU_SCALE_ALPHA * Math.expm1(x);
}

export function leakyRelu(slope: number): (x: number) => number {
  return (x) => (x > 0 ? x : slope * x);
}

/** Keras' relu with all its parameters: its three cases treat NaN and -0 differently, and so does this. */
export function relu(slope: number, maxValue: number | null, threshold: number): (x: number) => number {
  if (slope === 0 && maxValue === null && threshold === 0) return (x) => Math.max(x, 0);
  if (slope !== 0 && maxValue === null && threshold === 0) return leakyRelu(slope);
  const most = maxValue ?? Number.POSITIVE_INFINITY;
  return (x) => {
    const kept = threshold === 0 ? Math.max(x, 0) : x > threshold ? x : 0;
    const clipped = maxValue === null ? kept : Math.max(Math.min(kept, most), 0);
    return slope === 0 ? clipped : clipped - slope * Math.max(threshold - x, 0);
  };
}

export function hardSigmoid(x: number): number {
  return Math.min(Math.max(x + 3, 0), 6) / 6;
}

/** x·hard_sigmoid(x); NaN at -Infinity, as Keras. */
export function hardSilu(x: number): number {
  return x * hardSigmoid(x);
}

export function hardTanh(x: number): number {
  return Math.max(Math.min(x, 1), -1);
}

/** |x| > threshold ? x : 0; NaN gives 0, as Keras. */
export function hardShrink(threshold: number): (x: number) => number {
  return (x) => (Math.abs(x) > threshold ? x : 0);
}

/** x moved toward 0 by threshold; NaN gives 0, as Keras. */
export function softShrink(threshold: number): (x: number) => number {
  return (x) => (x > threshold ? x - threshold : x < -threshold ? x + threshold : 0);
}

/** NaN at both infinities, as Keras. */
export function softsign(x: number): number {
  return x / (Math.abs(x) + 1);
}

export function sparsePlus(x: number): number {
  if (x <= -1) return 0;
  return x < 1 ? ((x + 1) * (x + 1)) / 4 : x;
}

export function sparseSigmoid(x: number): number {
  if (x <= -1) return 0;
  return x >= 1 ? 1 : 0.5 * (x + 1);
}

/** (x + √(x² + b))/2; for x < 0 as b/(2(√(x² + b) - x)), which does not cancel. NaN at -Infinity, as Keras. */
export function squareplus(b: number): (x: number) => number {
  return (x) => {
    const size = Math.abs(x);
    const root = size > 1e150 ? size : Math.sqrt(x * x + b);
    if (!(x < 0)) return 0.5 * x + 0.5 * root;
    return x === Number.NEGATIVE_INFINITY ? Number.NaN : (0.5 * b) / (root + size);
  };
}

// Depth of the continued fraction below: enough for float64 up to |x| = 2.
const FRACTION_DEPTH = 37;

/**
 * x - tanh(x). Near 0 by Lambert's tanh(x) = x/(1 + d), d = x²/(3 + x²/(5 + x²/(7 + …))), so x - tanh(x) = x·d/(1 + d):
 * all terms are positive and nothing cancels.
 */
export function tanhShrink(x: number): number {
  if (x === 0) return 0;
  if (!(Math.abs(x) < 2)) return x - tanh(x);
  const square = x * x;
  let d = 0;
  for (let n = FRACTION_DEPTH; n >= 3; n -= 2) d = square / (n + d);
  return (x * d) / (1 + d);
}

/** x > threshold ? x : otherwise; NaN gives `otherwise`, as Keras. */
export function threshold(limit: number, otherwise: number): (x: number) => number {
  return (x) => (x > limit ? x : otherwise);
}

// Functions of ONNX's RNN, GRU and LSTM operators that Keras lacks or defines otherwise (onnx/defs/rnn/defs.cc).

export function affine(alpha: number, beta: number): (x: number) => number {
  return (x) => alpha * x + beta;
}

export function scaledTanh(alpha: number, beta: number): (x: number) => number {
  return (x) => alpha * tanh(beta * x);
}

export function thresholdedRelu(alpha: number): (x: number) => number {
  return (x) => (x >= alpha ? x : Number.isNaN(x) ? x : 0);
}

export function onnxHardSigmoid(alpha: number, beta: number): (x: number) => number {
  return (x) => Math.max(0, Math.min(1, alpha * x + beta));
}
