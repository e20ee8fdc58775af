import { allocate, type FloatArray } from '../../domain/tensor.ts';
import { drawMask } from '../random/dropout.ts';
import { philoxStream } from '../random/philox.ts';
import { normal } from '../random/random.ts';
import type { LayerTraining, TrainingBatch } from './layer-formula.ts';

/**
 * y = x∘mask, each entry of which is 0 or 1/(1 - rate); with `steps` one mask for all steps of a row. The masks are those that
 * Keras draws on TensorFlow's CPU from the layer's seed. Keras Dropout, SpatialDropout1D.
 */
export const dropoutTraining: LayerTraining<'dropout'> = ({ params, computeDtype, outputWidth }) => {
  const { rate, steps } = params;
  return (batch) => {
    const { input: x, time } = batch;
    if (rate === 0) return unchanged(x);
    const size = steps ? batch.batch * outputWidth : x.length;
    const mask =
      rate === 1 ? new Float64Array(size) : drawMask(rate, size, computeDtype, seedOf(batch, params.seed), 0);
    const place = (i: number) => (steps ? Math.floor(i / (time * outputWidth)) * outputWidth + (i % outputWidth) : i);
    const times = (values: Float64Array) => values.map((value, i) => value * mask[place(i)]);
    return { output: times(x), pull: times };
  };
};

/** y = x + noise of standard deviation `stddev`. Keras GaussianNoise. */
export const gaussianNoiseTraining: LayerTraining<'gaussian_noise'> = ({ params: { stddev, seed }, computeDtype }) => {
  return (batch) => {
    const { input: x } = batch;
    if (stddev === 0) return unchanged(x);
    const noise = drawNormal(x.length, computeDtype, seedOf(batch, seed));
    return { output: x.map((value, i) => value + stddev * noise[i]), pull: (gradient) => gradient };
  };
};

/** y = x∘(1 + noise), whose standard deviation is √(rate/(1 - rate)). Keras GaussianDropout. */
export const gaussianDropoutTraining: LayerTraining<'gaussian_dropout'> = ({
  params: { rate, seed },
  computeDtype,
}) => {
  return (batch) => {
    const { input: x } = batch;
    if (rate === 0) return unchanged(x);
    const noise = drawNormal(x.length, computeDtype, seedOf(batch, seed));
    const stddev = Math.sqrt(rate / (1 - rate));
    const times = (values: Float64Array) => values.map((value, i) => value * (1 + stddev * noise[i]));
    return { output: times(x), pull: times };
  };
};

function unchanged(x: Float64Array) {
  return { output: x, pull: (gradient: Float64Array) => gradient };
}

function drawNormal(size: number, dtype: Parameters<typeof allocate>[0], seed: number): FloatArray {
  const drawn = allocate(dtype, size) as FloatArray;
  normal(philoxStream(seed, 0), dtype, drawn);
  return drawn;
}

function seedOf({ seed }: TrainingBatch, own: number | undefined): number {
  const chosen = seed ?? own;
  if (chosen === undefined) throw new TypeError('training has no seed');
  return chosen;
}
