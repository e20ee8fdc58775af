import type { NetworkMerge } from '../../domain/layers.ts';
import type { LayerGradient } from './layer-formula.ts';
import { counting, placeIn } from './merge.ts';

/** d y / d the n-th of the numbers at one place. Where several are the largest, Keras' chain of pairs gives half at each pair. */
const PARTIAL: Readonly<Record<NetworkMerge, (values: Float64Array, n: number) => number>> = {
  add: () => 1,
  subtract: (_, n) => (n === 0 ? 1 : -1),
  multiply: (values, n) => values.reduce((product, value, k) => (k === n ? product : product * value), 1),
  average: (values) => 1 / values.length,
  maximum: (values, n) => chosen(values, n, (a, b) => a >= b),
  minimum: (values, n) => chosen(values, n, (a, b) => a <= b),
};

/** Of y = f(f(v0, v1), v2) …, which passes on the first argument where it `wins`, as TensorFlow's Maximum does. */
function chosen(values: Float64Array, n: number, wins: (a: number, b: number) => boolean): number {
  let first = 0;
  for (let k = 1; k < values.length; k++) if (!wins(values[first], values[k])) first = k;
  return first === n ? 1 : 0;
}

/** Each input gets d y∘∂y/∂input, added up where one of its numbers is used at several places. */
export const mergeGradient: LayerGradient<'merge'> = ({ params: { mode, inputs: given }, outputWidth: width }) => {
  return ({ inputs, unit }, dy) => {
    const gradients = inputs.map((input) => new Float64Array(input.length));
    for (let t = 0; t < unit.time; t++) {
      const counted = counting(mode, unit, inputs.length, t);
      const values = new Float64Array(counted.length);
      for (let k = 0; k < width; k++) {
        const places = counted.map((n) => placeIn(given[n], inputs[n].length, unit, t, k));
        for (const [at, n] of counted.entries()) values[at] = inputs[n][places[at]];
        const own = dy[t * width + k];
        for (const [at, n] of counted.entries()) gradients[n][places[at]] += own * PARTIAL[mode](values, at);
      }
    }
    return gradients;
  };
};
