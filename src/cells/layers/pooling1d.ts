import type { Pooling } from '../../domain/layers.ts';
import { slides } from '../../domain/network-steps.ts';
import type { LayerFormula } from './layer-formula.ts';

/** The steps [from, to) that each step of the output looks at, those of the padding left out. */
export function pools({ size, stride, padding }: Pooling, time: number): [from: number, to: number][] {
  const count = slides({ size, stride, padding }, time);
  const before = padding === 'same' ? Math.max(0, (count - 1) * stride + size - time) >> 1 : 0;
  return Array.from({ length: count }, (_, k) => {
    const start = k * stride - before;
    return [Math.max(start, 0), Math.min(start + size, time)];
  });
}

/** The largest of each feature's numbers in a pool of steps. Keras MaxPooling1D. */
export const maxPooling1d: LayerFormula<'max_pooling1d'> = ({ params, outputWidth: width }) => {
  return ([x], { time }) => overPools(pools(params, time), width, (from, to, k) => largest(x, width, from, to, k));
};

/** The mean of each feature's numbers in a pool of steps. Keras AveragePooling1D. */
export const averagePooling1d: LayerFormula<'average_pooling1d'> = ({ params, outputWidth: width }) => {
  return ([x], { time }) =>
    overPools(pools(params, time), width, (from, to, k) => {
      let sum = 0;
      for (let t = from; t < to; t++) sum += x[t * width + k];
      return sum / (to - from);
    });
};

function overPools(
  steps: readonly [from: number, to: number][],
  width: number,
  each: (from: number, to: number, k: number) => number,
): Float64Array {
  return Float64Array.from({ length: steps.length * width }, (_, i) => {
    const [from, to] = steps[Math.floor(i / width)];
    return each(from, to, i % width);
  });
}

function largest(x: Float64Array, width: number, from: number, to: number, k: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let t = from; t < to; t++) most = Math.max(most, x[t * width + k]);
  return most;
}
