import { isArray } from '../../../domain/json.ts';
import type { Field } from '../cell-classes.ts';
import { defineLayer, kerasShape, type LayerClass, type LayerSource, type Signal, unsupported } from './layer-class.ts';
import { json, number } from './layer-fields.ts';

const RATE: Field = { kind: 'rate' };
const SEED: Field = { kind: 'seed', default: null };

/** Its effect in training. In evaluation the output is the input. */
function noiseOf({ set }: LayerSource) {
  return { rate: set.numbers.get('rate') ?? 0, seed: set.numbers.get('seed') };
}

const dropout: LayerClass = {
  fields: { rate: RATE, seed: SEED, noise_shape: json(null) },
  define(source, [input]) {
    const steps = sharesSteps(source, input);
    return defineLayer(source, {
      kind: 'dropout',
      params: { ...noiseOf(source), steps },
      inputs: [input],
      output: input,
    });
  },
};

/** Whether the noise shape lets all steps of a row have one mask; others than that and the usual one are refused. */
function sharesSteps(source: LayerSource, input: Signal): boolean {
  const sent = source.set.json.get('noise_shape') ?? null;
  if (sent === null) return false;
  const shape = kerasShape(input);
  const fits = (wanted: readonly (number | null)[]) =>
    isArray(sent) &&
    sent.length === wanted.length &&
    sent.every((extent, k) => extent === null || extent === wanted[k]);
  if (fits(shape)) return false;
  if (input.time && !input.mapped && fits(shape.with(1, 1))) return true;
  throw unsupported(
    source,
    'noise_shape',
    `noise_shape ${JSON.stringify(sent)} is not computed; send null or [null, 1, null].`,
  );
}

/** Whole features for all steps. Its get_config() has the dtype by its name and no `trainable`. */
const spatialDropout1d: LayerClass = {
  fields: { rate: RATE, seed: SEED },
  define: (source, [input]) =>
    defineLayer(source, {
      kind: 'dropout',
      params: { ...noiseOf(source), steps: true },
      inputs: [input],
      output: input,
    }),
  print: ({ set, head }) => ({
    rate: set.json.get('rate') ?? 0,
    seed: set.json.get('seed') ?? null,
    name: head.name,
    dtype: head.policy.name,
  }),
};

const gaussianNoise: LayerClass = {
  fields: { stddev: number(), seed: SEED },
  define(source, [input]) {
    const { numbers } = source.set;
    const params = { stddev: numbers.get('stddev') ?? 0, seed: numbers.get('seed') };
    return defineLayer(source, { kind: 'gaussian_noise', params, inputs: [input], output: input });
  },
};

const gaussianDropout: LayerClass = {
  fields: { rate: RATE, seed: SEED },
  define: (source, [input]) =>
    defineLayer(source, { kind: 'gaussian_dropout', params: noiseOf(source), inputs: [input], output: input }),
};

export const NOISE_LAYERS: Readonly<Record<string, LayerClass>> = {
  Dropout: dropout,
  GaussianDropout: gaussianDropout,
  GaussianNoise: gaussianNoise,
  SpatialDropout1D: spatialDropout1d,
};
