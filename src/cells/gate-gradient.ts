import { quote } from '../domain/json.ts';
import { Problem } from '../domain/problems.ts';
import type { ActivationSpec } from '../domain/program.ts';
import { DERIVATIVES } from './activations/activation-derivatives.ts';
import { ROW_GRADIENTS } from './activations/row-wise-gradients.ts';

/** What a gate was before and after its activation; [units] each. */
export interface Gate {
  readonly before: Float64Array;
  readonly after: Float64Array;
}

/** Backwards through a gate's activation: from d/d after to d/d before, a fresh array. */
export type GateGradient = (gate: Gate, gradient: Float64Array) => Float64Array;

/**
 * The way back through gateFunction. Where the clip bounds the activation's input, at it and beyond, the derivative is 0.
 * @throws {Problem} invalid-config for an activation that a gate can't have.
 */
export function gateGradient(spec: ActivationSpec, clip = Number.POSITIVE_INFINITY): GateGradient {
  if (Object.hasOwn(DERIVATIVES, spec.name)) {
    const derivative = DERIVATIVES[spec.name](spec.params);
    return ({ before }, gradient) =>
      gradient.map((g, u) => (before[u] >= clip || before[u] <= -clip ? 0 : g * derivative(before[u])));
  }
  if (!Object.hasOwn(ROW_GRADIENTS, spec.name))
    throw new Problem('invalid-config', `Activation ${quote(spec.name)} has no gradient in a cell.`);
  const through = ROW_GRADIENTS[spec.name];
  return ({ before, after }, gradient) =>
    through(after, gradient).map((g, u) => (before[u] >= clip || before[u] <= -clip ? 0 : g));
}
