import type { NetworkMerge } from '../../domain/layers.ts';
import type { LayerGradient } from './layer-formula.ts';
import { placeIn } from './merge.ts';

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
    const values = new Float64Array(inputs.length);
    for (let i = 0; i < dy.length; i++) {
      const [t, k] = [Math.floor(i / width), i % width];
      const places = inputs.map((input, n) => placeIn(given[n], input.length, unit, t, k));
      for (const [n, place] of places.entries()) values[n] = inputs[n][place];
      for (const [n, place] of places.entries()) gradients[n][place] += dy[i] * PARTIAL[mode](values, n);
    }
    return gradients;
  };
};
