import { quote } from '../../domain/json.ts';
import { Problem } from '../../domain/problems.ts';
import type { ActivationSpec } from '../../domain/program.ts';
import * as elementwise from './activations-elementwise.ts';
import { glu, logSoftmax, type RowFunction, softmax, sparsemax } from './activations-row-wise.ts';
import { sigmoid, tanh } from './exponential.ts';

/** An activation with its parameters bound, in float64. */
export type Activation =
  | { readonly elementwise: true; apply(x: number): number }
  | { readonly elementwise: false; applyRow: RowFunction; outputLength(length: number): number };

export type Parameters = ActivationSpec['params'];

interface ActivationEntry {
  /** The formula, for people. */
  readonly formula: string;
  /** false: a function of ONNX's RNN operators, under a name of its own, with the defaults in `parameters`. */
  readonly keras: boolean;
  /** true: acts on whole rows along an axis; false: on each element. */
  readonly rowWise: boolean;
  /** Of functions outside Keras; Keras' own parameters and defaults are in src/frameworks/keras/identifiers.ts. */
  readonly parameters?: Readonly<Record<string, number>>;
  readonly make: (params: Parameters) => Activation;
}

/** Every activation by its canonical name (Keras' aliases are resolved by the parser of configurations). */
export const ACTIVATIONS: Readonly<Record<string, ActivationEntry>> = {
  celu: parametric('max(x, 0) + alpha*(exp(min(x, 0)/alpha) - 1)', (p) => elementwise.celu(number(p, 'alpha'))),
  elu: parametric('x if x > 0 else alpha*(exp(x) - 1)', (p) => elementwise.elu(number(p, 'alpha'))),
  exponential: plain('exp(x)', Math.exp),
  gelu: parametric('x*P(X <= x), X normal; approximate: 0.5*x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3)))', (p) =>
    p.approximate ? elementwise.geluApproximate : elementwise.gelu,
  ),
  glu: rows('a*sigmoid(b), a and b the halves along axis', glu, (length) => length / 2),
  hard_shrink: parametric('x if |x| > threshold else 0', (p) => elementwise.hardShrink(number(p, 'threshold'))),
  hard_sigmoid: plain('clip(x + 3, 0, 6)/6', elementwise.hardSigmoid),
  hard_silu: plain('x*clip(x + 3, 0, 6)/6', elementwise.hardSilu),
  hard_tanh: plain('clip(x, -1, 1)', elementwise.hardTanh),
  leaky_relu: parametric('x if x > 0 else negative_slope*x', (p) => elementwise.leakyRelu(number(p, 'negative_slope'))),
  linear: plain('x', (x) => x),
  log_sigmoid: plain('-log(1 + exp(-x))', elementwise.logSigmoid),
  log_softmax: rows('x - log(sum(exp(x))) along axis', logSoftmax),
  mish: plain('x*tanh(log(1 + exp(x)))', elementwise.mish),
  relu: parametric('min(x, max_value) if x > threshold else negative_slope*(x - threshold)', (p) =>
    elementwise.relu(
      number(p, 'negative_slope'),
      p.max_value === null ? null : number(p, 'max_value'),
      number(p, 'threshold'),
    ),
  ),
  relu6: plain('clip(x, 0, 6)', (x) => Math.min(Math.max(x, 0), 6)),
  selu: plain('1.0507009873554805*(x if x > 0 else 1.6732632423543772*(exp(x) - 1))', elementwise.selu),
  sigmoid: plain('1/(1 + exp(-x))', sigmoid),
  silu: plain('x/(1 + exp(-x))', elementwise.silu),
  soft_shrink: parametric('x - threshold if x > threshold, x + threshold if x < -threshold, else 0', (p) =>
    elementwise.softShrink(number(p, 'threshold')),
  ),
  softmax: rows('exp(x)/sum(exp(x)) along axis', softmax),
  softplus: plain('log(1 + exp(x))', elementwise.softplus),
  softsign: plain('x/(1 + |x|)', elementwise.softsign),
  sparse_plus: plain('0 if x <= -1, (x + 1)^2/4 if x < 1, else x', elementwise.sparsePlus),
  sparse_sigmoid: plain('clip((x + 1)/2, 0, 1)', elementwise.sparseSigmoid),
  sparsemax: rows('max(x - tau, 0) along axis, tau such that the sum is 1', sparsemax),
  squareplus: parametric('(x + sqrt(x^2 + b))/2', (p) => elementwise.squareplus(number(p, 'b'))),
  tanh: plain('tanh(x)', tanh),
  tanh_shrink: plain('x - tanh(x)', elementwise.tanhShrink),
  threshold: parametric('x if x > threshold else default_value', (p) =>
    elementwise.threshold(number(p, 'threshold'), number(p, 'default_value')),
  ),
  affine: onnx('alpha*x + beta', { alpha: 1, beta: 0 }, (p) =>
    elementwise.affine(number(p, 'alpha'), number(p, 'beta')),
  ),
  scaled_tanh: onnx('alpha*tanh(beta*x)', { alpha: 1, beta: 1 }, (p) =>
    elementwise.scaledTanh(number(p, 'alpha'), number(p, 'beta')),
  ),
  thresholded_relu: onnx('x if x >= alpha else 0', { alpha: 1 }, (p) =>
    elementwise.thresholdedRelu(number(p, 'alpha')),
  ),
  onnx_hard_sigmoid: onnx('clip(alpha*x + beta, 0, 1)', { alpha: 0.2, beta: 0.5 }, (p) =>
    elementwise.onnxHardSigmoid(number(p, 'alpha'), number(p, 'beta')),
  ),
};

/**
 * The activation that a spec names. Row-wise ones get their rows from the caller, who has to honour `axis`.
 * @throws {Problem} invalid-config for an unknown name, or a parameter that is missing or not a number.
 */
export function makeActivation(spec: ActivationSpec): Activation {
  if (!Object.hasOwn(ACTIVATIONS, spec.name)) {
    throw new Problem(
      'invalid-config',
      `There is no activation ${quote(spec.name)}. Send one of ${Object.keys(ACTIVATIONS).join(', ')}.`,
    );
  }
  return ACTIVATIONS[spec.name].make(spec.params);
}

function plain(formula: string, apply: (x: number) => number): ActivationEntry {
  return parametric(formula, () => apply);
}

function parametric(formula: string, bind: (params: Parameters) => (x: number) => number): ActivationEntry {
  return { formula, keras: true, rowWise: false, make: (params) => ({ elementwise: true, apply: bind(params) }) };
}

function onnx(
  formula: string,
  parameters: Readonly<Record<string, number>>,
  bind: (params: Parameters) => (x: number) => number,
): ActivationEntry {
  return { ...parametric(formula, bind), keras: false, parameters };
}

function rows(formula: string, applyRow: RowFunction, outputLength = (length: number) => length): ActivationEntry {
  return { formula, keras: true, rowWise: true, make: () => ({ elementwise: false, applyRow, outputLength }) };
}

/** @throws {Problem} invalid-config if the parameter is missing or not a number. */
export function number(params: Parameters, name: string): number {
  const value = params[name];
  if (typeof value === 'number') return value;
  throw new Problem('invalid-config', `An activation's '${name}' is ${quote(value)}. Send a number.`);
}
