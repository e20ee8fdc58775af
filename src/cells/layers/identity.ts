import type { LayerForward, LayerPull } from './layer-formula.ts';

/** y = x: what has only an activation, does nothing in evaluation, or changes the shape alone. Keras Activation, Identity, Dropout, Flatten … */
export function identity(): LayerForward {
  return ([x]) => x;
}

export function identityGradient(): LayerPull {
  return (_, dy) => [dy];
}
