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

/** Inputs put together number by number; a smaller one is repeated. Keras' merging layers (keras/src/layers/merging). */
export const merge: LayerFormula<'merge'> = ({ params: { mode, inputs: given }, outputWidth: width }) => {
  const combine = COMBINE[mode];
  return (inputs, unit) => {
    const y = new Float64Array(unit.time * width);
    const values = new Float64Array(inputs.length);
    for (let i = 0; i < y.length; i++) {
      const [t, k] = [Math.floor(i / width), i % width];
      for (let n = 0; n < inputs.length; n++) values[n] = inputs[n][placeIn(given[n], inputs[n].length, unit, t, k)];
      y[i] = combine(values);
    }
    return y;
  };
};
