import { float64 } from '../cell-row.ts';
import type { LayerTraining, TrainingBatch, TrainingPass } from './layer-formula.ts';

/** What Keras adds to the number of steps that are not masked. */
const MASK_EPSILON = 1e-7;

interface BatchMoments {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  /** What the sums are divided by. */
  readonly count: number;
}

/** By feature, over all steps of all rows that are not masked. Keras BatchNormalization._moments. */
function batchMoments({ input: x, mask }: TrainingBatch, n: number): BatchMoments {
  const live = (i: number) => mask === undefined || mask[Math.floor(i / n)] !== 0;
  const count = mask ? mask.reduce((sum, one) => sum + one, 0) + MASK_EPSILON : x.length / n;
  const mean = new Float64Array(n);
  for (let i = 0; i < x.length; i++) if (live(i)) mean[i % n] += x[i];
  for (let k = 0; k < n; k++) mean[k] /= count;
  const variance = new Float64Array(n);
  for (let i = 0; i < x.length; i++) if (live(i)) variance[i % n] += (x[i] - mean[i % n]) ** 2;
  for (let k = 0; k < n; k++) variance[k] /= count;
  return { mean, variance, count };
}

/**
 * y = x̂·γ + β, x̂ = (x - mean)·s, s = 1/√(variance + ε), with the batch's own mean and biased variance m, v, from which the
 * moving ones follow: moving·momentum + batch's·(1 - momentum). Back, with d = dy∘γ and N the count:
 * dv = -½·s³·Σ d∘(x - m)   dm = -s·Σd   dx = d·s + (2·(x - m)·dv + dm)/N, the second term where a step is not masked.
 * Keras BatchNormalization.call with training.
 */
const wholeBatch: LayerTraining<'batch_normalization'> = ({ params, arrays, rowWidth: n }) => {
  const { epsilon, momentum } = params;
  const gamma = arrays.gamma && float64(arrays.gamma);
  const beta = arrays.beta && float64(arrays.beta);
  const moved = (name: string, now: Float64Array) =>
    float64(arrays[name]).map((value, k) => value * momentum + now[k] * (1 - momentum));
  return (batch) => {
    const { input: x, mask } = batch;
    const { mean, variance, count } = batchMoments(batch, n);
    const s = variance.map((value) => 1 / Math.sqrt(value + epsilon));
    const normal = x.map((value, i) => (value - mean[i % n]) * s[i % n]);
    return {
      output: normal.map((value, i) => value * (gamma ? gamma[i % n] : 1) + (beta ? beta[i % n] : 0)),
      statistics: { moving_mean: moved('moving_mean', mean), moving_variance: moved('moving_variance', variance) },
      pull(dy, sums) {
        const [dm, dv] = [new Float64Array(n), new Float64Array(n)];
        const d = dy.map((gradient, i) => gradient * (gamma ? gamma[i % n] : 1));
        for (let i = 0; i < x.length; i++) {
          const k = i % n;
          if (sums.gamma) sums.gamma[k] += dy[i] * normal[i];
          if (sums.beta) sums.beta[k] += dy[i];
          dm[k] -= s[k] * d[i];
          dv[k] -= 0.5 * s[k] ** 3 * d[i] * (x[i] - mean[k]);
        }
        return d.map((gradient, i) => {
          const k = i % n;
          const own = mask && mask[Math.floor(i / n)] === 0 ? 0 : (2 * (x[i] - mean[k]) * dv[k] + dm[k]) / count;
          return gradient * s[k] + own;
        });
      },
    };
  };
};

/** Each step with moments of its own, the moving ones moved by each. Keras TimeDistributed.call. */
const stepByStep: LayerTraining<'batch_normalization'> = (layer) => (batch) => {
  const { batch: rows, time, input, mask } = batch;
  const passes: TrainingPass[] = [];
  let { arrays } = layer;
  for (let t = 0; t < time; t++) {
    const step = { ...batch, time: 1, input: stepOf(input, t, time, rows), mask: mask && stepOf(mask, t, time, rows) };
    const pass = wholeBatch({ ...layer, arrays })(step);
    passes.push(pass);
    arrays = { ...arrays, ...pass.statistics };
  }
  const joined = (steps: readonly Float64Array[]) => {
    const all = new Float64Array(input.length);
    const width = input.length / (rows * time);
    for (const [t, step] of steps.entries()) {
      for (let row = 0; row < rows; row++) {
        all.set(step.subarray(row * width, (row + 1) * width), (row * time + t) * width);
      }
    }
    return all;
  };
  return {
    output: joined(passes.map(({ output }) => output)),
    statistics: passes.at(-1)?.statistics,
    pull: (dy, sums) => joined(passes.map((pass, t) => pass.pull(stepOf(dy, t, time, rows), sums))),
  };
};

/** What all rows have at step t, of [batch, time, …]. */
function stepOf<T extends Float64Array | Uint8Array>(all: T, t: number, time: number, rows: number): T {
  const width = all.length / (rows * time);
  const step = all.slice(0, rows * width) as T;
  for (let row = 0; row < rows; row++) {
    const from = (row * time + t) * width;
    step.set(all.subarray(from, from + width), row * width);
  }
  return step;
}

export const batchNormalizationTraining: LayerTraining<'batch_normalization'> = (layer) =>
  layer.params.eachStep ? stepByStep(layer) : wholeBatch(layer);
