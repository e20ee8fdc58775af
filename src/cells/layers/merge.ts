import type { MergeInput, NetworkMerge } from '../../domain/layers.ts';
import type { LayerFormula, Unit } from './layer-formula.ts';

/** Of the numbers at one place of each input, in their order. */
const COMBINE: Readonly<Record<NetworkMerge, (values: Float64Array) => number>> = {
  add: (values) => values.reduce((sum, value) => sum + value, 0),
  subtract: ([a, b]) => a - b,
  multiply: (values) => values.reduce((product, value) => product * value, 1),
  average: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
  maximum: (values) => values.reduce((most, value) => Math.max(most, value)),
  minimum: (values) => values.reduce((least, value) => Math.min(least, value)),
};

/** Where the k-th number of step t of the output finds its own in an input of so many numbers. */
export function placeIn(input: MergeInput, length: number, { time }: Unit, t: number, k: number): number {
  const own = input.places ? input.places[k] : k;
  return input.repeated ? own : t * (length / time) + own;
}

/** Modes in which a masked number does not count; sums take it as it is. */
const MASKED: readonly NetworkMerge[] = ['multiply', 'maximum', 'minimum'];

/**
 * The inputs that count at step t. Where Keras multiplies, masked ones do not, and nothing at all gives 0; its largest or
 * smallest number is that of the first input where none counts.
 */
export function counting(mode: NetworkMerge, { masks }: Unit, count: number, t: number): number[] {
  const all = Array.from({ length: count }, (_, n) => n);
  if (!masks || !MASKED.includes(mode)) return all;
  const live = all.filter((n) => masks[n]?.[t] !== 0);
  return live.length > 0 || mode === 'multiply' ? live : [0];
}

/** Inputs put together number by number; a smaller one is repeated. Keras' merging layers (keras/src/layers/merging). */
export const merge: LayerFormula<'merge'> = ({ params: { mode, inputs: given }, outputWidth: width }) => {
  const combine = COMBINE[mode];
  return (inputs, unit) => {
    const y = new Float64Array(unit.time * width);
    for (let t = 0; t < unit.time; t++) {
      const counted = counting(mode, unit, inputs.length, t);
      if (counted.length === 0) continue;
      const values = new Float64Array(counted.length);
      for (let k = 0; k < width; k++) {
        for (const [at, n] of counted.entries())
          values[at] = inputs[n][placeIn(given[n], inputs[n].length, unit, t, k)];
        y[t * width + k] = combine(values);
      }
    }
    return y;
  };
};
