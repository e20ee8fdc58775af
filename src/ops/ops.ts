import { ACTIVATIONS } from '../cells/activations/activations.ts';
import { applyActivation } from '../cells/activations/apply-activation.ts';
import { type Json, type JsonObject, quote } from '../domain/json.ts';
import { fieldProblem, Problem } from '../domain/problems.ts';
import type { ActivationSpec } from '../domain/program.ts';
import type { Tensor } from '../domain/tensor.ts';
import { counted } from '../domain/words.ts';
import { KERAS_ACTIVATIONS } from '../frameworks/keras/identifiers.ts';
import { readParameters } from '../frameworks/keras/parameters.ts';
import { BINARY_OPS, broadcastBinary, matmul } from './arithmetic.ts';

/** An operation that POST /v1/ops/{op} takes. */
export interface Op {
  readonly name: string;
  readonly formula: string;
  /** How many tensors it takes. */
  readonly inputs: 1 | 2;
  /** Parameters with their defaults; null for no default. */
  readonly params: Readonly<Record<string, Json>>;
  readonly apply: (inputs: readonly Tensor[], params: JsonObject) => Tensor;
}

const ARITHMETIC: readonly Op[] = [
  ...Object.entries(BINARY_OPS).map(([name, { sign }]): Op => {
    const apply = ([a, b]: readonly Tensor[]) => broadcastBinary(name as keyof typeof BINARY_OPS, a, b);
    return { name, formula: `a ${sign} b`, inputs: 2, params: {}, apply };
  }),
  { name: 'matmul', formula: 'a @ b', inputs: 2, params: {}, apply: ([a, b]) => matmul(a, b) },
];

/** Every operation: Keras' activations by all their names, then arithmetic of two tensors with NumPy's broadcasting. */
export const OPS: ReadonlyMap<string, Op> = new Map(
  [...Object.keys(KERAS_ACTIVATIONS).flatMap(activationOps), ...ARITHMETIC].map((op) => [op.name, op]),
);

function activationOps(canonical: string): Op[] {
  const { identifiers, parameters } = KERAS_ACTIVATIONS[canonical];
  const { axis, ...others } = parameters;
  const params = Object.fromEntries(
    Object.entries(parameters).map(([key, { default: value }]) => [key, value ?? null]),
  );
  const apply = ([input]: readonly Tensor[], sent: JsonObject) => {
    const given =
      axis === undefined ? sent : Object.fromEntries(Object.entries(sent).filter(([key]) => key !== 'axis'));
    const { values } = readParameters(canonical, others, given, '/params');
    const spec = { name: canonical, params: values as ActivationSpec['params'] };
    if (axis === undefined) return applyActivation(spec, input);
    const along = Object.hasOwn(sent, 'axis') ? sent.axis : axis.default;
    if (typeof along !== 'number')
      throw fieldProblem('invalid-value', '/params/axis', `${quote(along)} is not an axis. Send an integer.`);
    return applyActivation(spec, input, along);
  };
  return identifiers.map((name) => ({ name, formula: ACTIVATIONS[canonical].formula, inputs: 1, params, apply }));
}

/** @throws {Problem} not-found for an unknown op; invalid-value for a wrong number of inputs; or a problem of the op */
export function applyOp(name: string, inputs: readonly Tensor[], params: JsonObject): Tensor {
  const op = OPS.get(name);
  if (!op) throw new Problem('not-found', `There is no op '${name}'. GET /v1/ops lists them.`);
  if (inputs.length !== op.inputs) {
    const detail = `${name} takes ${counted(op.inputs, 'tensor')}; ${inputs.length} ${inputs.length === 1 ? 'was' : 'were'} sent.`;
    throw fieldProblem('invalid-value', '/inputs', detail);
  }
  const [unknown] = Object.keys(params).filter((key) => !Object.hasOwn(op.params, key));
  if (unknown !== undefined) {
    const known = Object.keys(op.params).join(', ') || 'none';
    throw fieldProblem(
      'invalid-value',
      `/params/${unknown}`,
      `${name} has no parameter '${unknown}'; it has: ${known}.`,
    );
  }
  return op.apply(inputs, params);
}
