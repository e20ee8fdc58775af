import { isArray, type JsonObject, quote } from '../../domain/json.ts';
import { fieldProblem } from '../../domain/problems.ts';
import type { ActivationSpec, CellKind } from '../../domain/program.ts';
import type { Dtype } from '../../domain/tensor.ts';
import {
  type Argument,
  choice,
  impossible,
  integer,
  isNumber,
  type ReadArguments,
  readArguments,
  requireUnits,
} from '../arguments.ts';
import { suggest } from '../keras/suggestions.ts';
import { entry } from '../place.ts';
import { parseActivations } from './activations.ts';

/** The operators' T, by the names of this service and of ONNX' tensor(…). */
const DTYPES: Readonly<Record<string, Dtype>> = {
  float32: 'float32',
  float: 'float32',
  float64: 'float64',
  double: 'float64',
  float16: 'float16',
  bfloat16: 'bfloat16',
};

const FLOATS: Argument<readonly number[] | null> = {
  default: null,
  expected: 'a list of finite numbers',
  isType: (sent): sent is readonly number[] | null => sent === null || (isArray(sent) && sent.every(isNumber)),
  isPossible: (sent) => sent === null || sent.every((value) => Number.isFinite(Math.fround(value))),
};

const SWITCH: Argument<number> = {
  default: 0,
  expected: '0 or 1',
  isType: isNumber,
  isPossible: (sent) => sent === 0 || sent === 1,
};

/** Attributes of every operator in opset 22 (onnx/defs/rnn/defs.cc). `dtype` is our addition; in ONNX the weights give it. */
const ATTRIBUTES = {
  activation_alpha: FLOATS,
  activation_beta: FLOATS,
  activations: {
    default: null,
    expected: 'a list of names of activation functions',
    isType: (sent): sent is readonly string[] | null =>
      sent === null || (isArray(sent) && sent.every((name) => typeof name === 'string')),
  } satisfies Argument<readonly string[] | null>,
  clip: {
    default: null,
    expected: 'a positive number, or null for no clip',
    isType: (sent): sent is number | null => sent === null || isNumber(sent),
    isPossible: (sent) => sent === null || (Number.isFinite(sent) && Math.fround(sent) > 0),
  } satisfies Argument<number | null>,
  direction: choice('forward', 'reverse', 'bidirectional'),
  hidden_size: integer(1, 'a positive integer'),
  input_forget: SWITCH,
  layout: SWITCH,
  linear_before_reset: SWITCH,
  dtype: {
    ...choice('float32', 'float64', 'float16', 'bfloat16'),
    isPossible: (sent: string) => entry(DTYPES, sent) !== undefined,
  } satisfies Argument<string>,
};

const COMMON = ['activation_alpha', 'activation_beta', 'activations', 'clip', 'direction', 'hidden_size'];

interface Operator {
  readonly kind: CellKind;
  readonly takes: readonly string[];
  /** The functions of one direction: f; f, g; or f, g, h in the operator's equations. */
  readonly activations: readonly string[];
}

const OPERATORS: Readonly<Record<string, Operator>> = {
  RNN: { kind: 'simple_rnn', takes: [...COMMON, 'layout', 'dtype'], activations: ['Tanh'] },
  GRU: {
    kind: 'gru',
    takes: [...COMMON, 'layout', 'linear_before_reset', 'dtype'],
    activations: ['Sigmoid', 'Tanh'],
  },
  LSTM: {
    kind: 'lstm',
    takes: [...COMMON, 'input_forget', 'layout', 'dtype'],
    activations: ['Sigmoid', 'Tanh', 'Tanh'],
  },
};

/** The attributes of a recurrent operator, and what they mean. */
export interface ParsedOperator {
  readonly className: string;
  readonly config: JsonObject;
  readonly kind: CellKind;
  readonly dtype: Dtype;
  readonly directions: 1 | 2;
  readonly reverse: boolean;
  /** For each direction f; f, g; or f, g, h. */
  readonly activations: readonly (readonly ActivationSpec[])[];
  /** Rounded to float32, as attributes of ONNX are. */
  readonly clip: number | undefined;
  readonly values: ReadArguments<typeof ATTRIBUTES>['values'];
}

/**
 * The attributes of the operator RNN, GRU or LSTM. `config` has every attribute of the operator in alphabetical order, as its
 * documentation lists them, all filled in: one function name for each place, one alpha and beta for each function that takes
 * it, null for no clip. `hidden_size` is required, although the documentation makes it optional. `dtype`, which is not an
 * attribute, is printed if it is not float32.
 * @throws {Problem} invalid-config for an unknown operator or an impossible value; invalid-request for an unknown or missing
 * attribute or a wrong type; limit-exceeded
 */
export function parseOperator(className: string, sent: JsonObject, maxUnits: number): ParsedOperator {
  const operator = entry(OPERATORS, className);
  if (operator === undefined) {
    const text = `${quote(className)} is not a recurrent operator of ONNX. ${suggest(className, Object.keys(OPERATORS))}`;
    throw fieldProblem('invalid-config', '/class_name', text);
  }
  const { values, config } = readArguments(className, ATTRIBUTES, operator.takes, sent);
  requireUnits('hidden_size', values.hidden_size, maxUnits);
  const directions = values.direction === 'bidirectional' ? 2 : 1;
  const names = functionNames(operator, directions, values.activations);
  const each = operator.activations.length;
  const { specs, alphas, betas } = parseActivations(names, values.activation_alpha ?? [], values.activation_beta ?? []);
  const dtype = entry(DTYPES, values.dtype) ?? 'float32';
  const { dtype: _, ...attributes } = config;
  const filled = { activation_alpha: alphas, activation_beta: betas, activations: names };
  return {
    className,
    config: { ...attributes, ...filled, ...(dtype === 'float32' ? {} : { dtype }) },
    kind: operator.kind,
    dtype,
    directions,
    reverse: values.direction === 'reverse',
    activations: Array.from({ length: directions }, (_, d) => specs.slice(d * each, (d + 1) * each)),
    clip: values.clip === null ? undefined : Math.fround(values.clip),
    values,
  };
}

/** The defaults of the operator's equations if none are sent. The backward direction comes second. */
function functionNames(operator: Operator, directions: number, sent: readonly string[] | null): readonly string[] {
  const defaults = Array.from({ length: directions }, () => operator.activations).flat();
  if (sent === null || sent.length === 0) return defaults;
  if (sent.length === defaults.length) return sent;
  // The schema's default of RNN is ["Tanh", "Tanh"] for one direction too: a second name then stands for nothing.
  if (operator.kind === 'simple_rnn' && sent.length === 2) return sent.slice(0, 1);
  throw impossible('activations', sent, `${defaults.length} names, such as ${JSON.stringify(defaults)}`);
}
