import { DERIVATIVES } from '../../cells/activations/activation-derivatives.ts';
import type { ActivationSpec } from '../../domain/program.ts';

/** The derivative of an activation from what went into it and what came out. */
export type GateDerivative = (before: number, after: number) => number;

/**
 * Of an activation that has a kernel. Sigmoid's and tanh's are taken from what came out, as every framework does in training.
 * Where the clip bounds what goes in, at it and beyond, the derivative is 0.
 */
export function gateDerivative(spec: ActivationSpec, clip?: number): GateDerivative {
  const own = ownDerivative(spec);
  if (clip === undefined) return own;
  return (before, after) => (before >= clip || before <= -clip ? 0 : own(before, after));
}

function ownDerivative({ name, params }: ActivationSpec): GateDerivative {
  if (name === 'sigmoid') return (_, after) => after * (1 - after);
  if (name === 'tanh') return (_, after) => 1 - after * after;
  const derivative = DERIVATIVES[name](params);
  return (before) => derivative(before);
}
