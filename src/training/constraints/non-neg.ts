import type { Constraint } from './constraint.ts';

/** max(w, 0). Keras NonNeg. */
export function nonNeg(): Constraint {
  return (values) => {
    for (let i = 0; i < values.length; i++) values[i] = Math.max(values[i], 0);
  };
}
