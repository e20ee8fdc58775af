import { type Json, quote } from '../../domain/json.ts';
import { child, fieldProblem } from '../../domain/problems.ts';
import type { ActivationSpec } from '../../domain/program.ts';
import { RELU, SIGMOID, TANH } from '../../domain/standard-activations.ts';
import { suggest } from '../keras/suggestions.ts';
import { entry } from '../place.ts';

interface OnnxFunction {
  /** Defaults of the ONNX operators of the same name; absent if the function has no such parameter. */
  readonly alpha?: number;
  readonly beta?: number;
  spec(alpha: number, beta: number): ActivationSpec;
}

/**
 * The functions that RNN, GRU and LSTM can have, under the names of the operators' text (docs/Operators.md). Affine and
 * ScaledTanh default to alpha 1 and beta 0 or 1, ThresholdedRelu to alpha 1; onnxruntime takes 0 for all of these.
 */
const FUNCTIONS: Readonly<Record<string, OnnxFunction>> = {
  Relu: { spec: () => RELU },
  Tanh: { spec: () => TANH },
  Sigmoid: { spec: () => SIGMOID },
  Affine: { alpha: 1, beta: 0, spec: (alpha, beta) => ({ name: 'affine', params: { alpha, beta } }) },
  LeakyRelu: { alpha: 0.01, spec: (alpha) => ({ name: 'leaky_relu', params: { negative_slope: alpha } }) },
  ThresholdedRelu: { alpha: 1, spec: (alpha) => ({ name: 'thresholded_relu', params: { alpha } }) },
  ScaledTanh: { alpha: 1, beta: 1, spec: (alpha, beta) => ({ name: 'scaled_tanh', params: { alpha, beta } }) },
  HardSigmoid: {
    alpha: 0.2,
    beta: 0.5,
    spec: (alpha, beta) => ({ name: 'onnx_hard_sigmoid', params: { alpha, beta } }),
  },
  Elu: { alpha: 1, spec: (alpha) => ({ name: 'elu', params: { alpha } }) },
  Softsign: { spec: () => ({ name: 'softsign', params: {} }) },
  Softplus: { spec: () => ({ name: 'softplus', params: {} }) },
};

export interface ParsedActivations {
  readonly specs: readonly ActivationSpec[];
  /** One for each function that takes it, in order, defaults filled in. */
  readonly alphas: readonly number[];
  readonly betas: readonly number[];
}

/**
 * The functions by their names, with `activation_alpha` and `activation_beta` handed out in order to those that take
 * one. Attributes of ONNX are float32, so the formulas take them rounded to it.
 * @throws {Problem} invalid-config at an unknown function, or more values than there are functions for
 */
export function parseActivations(
  names: readonly string[],
  sentAlphas: readonly number[],
  sentBetas: readonly number[],
): ParsedActivations {
  const functions = names.map((name, index) => functionNamed(name, index));
  const alphas = handOut('alpha', functions, names, sentAlphas);
  const betas = handOut('beta', functions, names, sentBetas);
  const specs = functions.map(({ spec }, index) => {
    return spec(Math.fround(alphas[index] ?? 0), Math.fround(betas[index] ?? 0));
  });
  const given = (values: readonly (number | undefined)[]) => values.filter((value) => value !== undefined);
  return { specs, alphas: given(alphas), betas: given(betas) };
}

function functionNamed(name: string, index: number): OnnxFunction {
  const known = entry(FUNCTIONS, name);
  if (known !== undefined) return known;
  const text = `ONNX has no activation function ${quote(name)}. ${suggest(name, Object.keys(FUNCTIONS))}`;
  throw fieldProblem('invalid-config', child('/config/activations', index), text);
}

/** The value for each function; undefined if it takes none. */
function handOut(
  kind: 'alpha' | 'beta',
  functions: readonly OnnxFunction[],
  names: readonly string[],
  sent: readonly number[],
): (number | undefined)[] {
  const takers = names.filter((_, index) => functions[index][kind] !== undefined);
  const excess: Json | undefined = sent[takers.length];
  if (excess !== undefined) {
    const which = takers.length === 0 ? 'none' : `only ${takers.join(', ')}`;
    const text = `\`activation_${kind}\` has ${sent.length} values, but of ${names.join(', ')} ${which} takes one. Send at most ${takers.length}.`;
    throw fieldProblem('invalid-config', child(`/config/activation_${kind}`, takers.length), text);
  }
  let next = 0;
  return functions.map(({ [kind]: byDefault }) => (byDefault === undefined ? undefined : (sent[next++] ?? byDefault)));
}
