import type { Weights } from './cell-definition.ts';

/** The same program for the same weights: what an engine has made ready for it once need not be made again. */
export function oncePerWeights<P>(
  make: (features: number, weights: Weights) => P,
): (features: number, weights: Weights) => P {
  const made = new WeakMap<Weights, { readonly features: number; readonly program: P }>();
  return (features, weights) => {
    const known = made.get(weights);
    if (known?.features === features) return known.program;
    const program = make(features, weights);
    made.set(weights, { features, program });
    return program;
  };
}
