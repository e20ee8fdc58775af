import { isArray, type Json } from '../../../domain/json.ts';
import { formatShape, sizeOf } from '../../../domain/tensor.ts';
import { extentOf, sequenceFeatures } from './convolution-layers.ts';
import {
  defineLayer,
  impossible,
  kerasShape,
  type LayerClass,
  type LayerSource,
  misfit,
  type Signal,
} from './layer-class.ts';
import { CHANNELS_LAST, json } from './layer-fields.ts';

const DROP = { kind: 'drop' } as const;

/** The extents of a unit after the batch axis. @throws {Problem} wrong-shape if the steps are not fixed */
function fixedExtents(source: LayerSource, input: Signal): number[] {
  const extents = kerasShape(input).slice(1);
  if (extents.every((extent): extent is number => extent !== null)) return extents;
  const shape = formatShape(kerasShape(input));
  throw misfit(source, `its input has shape ${shape}; send an input shape with a fixed number of steps.`);
}

/** The same numbers in another shape. If two or more axes come out, the first one is time, as in Keras. */
function reshaped(source: LayerSource, input: Signal, extents: readonly number[]) {
  const within = !input.time || input.mapped;
  const time = !within && extents.length > 1;
  const keepsSteps = time && input.steps === extents[0];
  const output: Signal = within
    ? { ...input, dims: extents }
    : { ...input, time, steps: time ? extents[0] : null, dims: time ? extents.slice(1) : extents };
  const becomesTime = within && !input.time && extents.length > 1;
  const shape = { kind: 'reshape' as const, params: {}, inputs: [input], mask: DROP };
  if (becomesTime) {
    const [steps, ...dims] = extents;
    return defineLayer(source, { ...shape, output: { ...input, time: true, steps, dims }, reach: 'sequence' });
  }
  return defineLayer(source, { ...shape, output, ...(within || keepsSteps ? {} : { reach: 'sequence' }) });
}

const flatten: LayerClass = {
  fields: CHANNELS_LAST,
  define(source, [input]) {
    return reshaped(source, input, [sizeOf(fixedExtents(source, input))]);
  },
};

const reshape: LayerClass = {
  fields: { target_shape: json() },
  define(source, [input]) {
    const extents = fixedExtents(source, input);
    const sent = source.set.json.get('target_shape') ?? null;
    const target = isArray(sent) && sent.every((extent): extent is number => Number.isInteger(extent)) ? sent : [];
    const size = sizeOf(extents);
    const known = sizeOf(target.filter((extent) => extent !== -1));
    const filled = target.map((extent) => (extent === -1 ? size / known : extent));
    const fits =
      filled.length > 0 && filled.every((extent) => Number.isInteger(extent) && extent > 0) && sizeOf(filled) === size;
    if (!fits) throw impossible(source, 'target_shape', sent, `a shape of ${size} numbers`);
    return reshaped(source, input, filled);
  },
};

const permute: LayerClass = {
  fields: { dims: json() },
  define(source, [input]) {
    const extents = fixedExtents(source, input);
    const sent = source.set.json.get('dims') ?? null;
    const order = isArray(sent) ? sent.map(Number) : [];
    if (!order.toSorted((a, b) => a - b).every((axis, k) => axis === k + 1) || order.length !== extents.length) {
      throw impossible(source, 'dims', sent, `the axes from 1 to ${extents.length} in some order`);
    }
    const moved = order.map((axis) => extents[axis - 1]);
    const time = input.time && !input.mapped;
    const within = !time || order[0] === 1;
    const params =
      within && time
        ? { order: order.slice(1).map((axis) => axis - 2), extents: [...input.dims] }
        : { order: order.map((axis) => axis - 1), extents };
    const output: Signal = time ? { ...input, steps: moved[0], dims: moved.slice(1) } : { ...input, dims: moved };
    return defineLayer(source, {
      kind: 'permute',
      params,
      inputs: [input],
      output,
      mask: DROP,
      ...(within ? {} : { reach: 'sequence' }),
    });
  },
};

const repeatVector: LayerClass = {
  fields: { n: json() },
  define(source, [input]) {
    if (input.time || input.dims.length !== 1) {
      throw misfit(source, `its input has rank ${kerasShape(input).length}; it takes [batch, features].`);
    }
    const times = extentOf(source, 'n');
    const output: Signal = { ...input, time: true, steps: times };
    return defineLayer(source, {
      kind: 'repeat_vector',
      params: { times },
      inputs: [input],
      output,
      mask: DROP,
      reach: 'sequence',
    });
  },
};

/** One number for both sides, or one for each. */
function sides(source: LayerSource, field: string): { before: number; after: number } {
  const sent: Json = source.set.json.get(field) ?? null;
  const [before, after] = isArray(sent) ? (sent.length === 1 ? [sent[0], sent[0]] : sent) : [sent, sent];
  const fits = [before, after].every(
    (extent) =>
      typeof extent === 'number' && Number.isInteger(extent) && extent >= 0 && extent <= source.options.maxUnits,
  );
  if (fits && (!isArray(sent) || sent.length <= 2)) return { before: Number(before), after: Number(after) };
  throw impossible(source, field, sent, 'a whole number, or a list of two');
}

const cropping1d: LayerClass = {
  fields: { cropping: json(1) },
  define(source, [input]) {
    sequenceFeatures(source, input);
    const params = sides(source, 'cropping');
    const steps = input.steps === null ? null : input.steps - params.before - params.after;
    if (steps !== null && steps < 1) throw misfit(source, `it leaves none of the ${input.steps} steps.`);
    return defineLayer(source, {
      kind: 'cropping1d',
      params,
      inputs: [input],
      output: { ...input, steps },
      mask: DROP,
      reach: 'sequence',
    });
  },
};

const zeroPadding1d: LayerClass = {
  fields: { padding: json(1), ...CHANNELS_LAST },
  define(source, [input]) {
    sequenceFeatures(source, input);
    const params = sides(source, 'padding');
    const steps = input.steps === null ? null : input.steps + params.before + params.after;
    return defineLayer(source, {
      kind: 'zero_padding1d',
      params,
      inputs: [input],
      output: { ...input, steps },
      mask: DROP,
      reach: 'sequence',
    });
  },
};

const upSampling1d: LayerClass = {
  fields: { size: json(2) },
  define(source, [input]) {
    sequenceFeatures(source, input);
    const times = extentOf(source, 'size');
    const steps = input.steps === null ? null : input.steps * times;
    return defineLayer(source, {
      kind: 'up_sampling1d',
      params: { times },
      inputs: [input],
      output: { ...input, steps },
      mask: DROP,
      reach: 'sequence',
    });
  },
};

export const RESHAPING_LAYERS: Readonly<Record<string, LayerClass>> = {
  Cropping1D: cropping1d,
  Flatten: flatten,
  Permute: permute,
  RepeatVector: repeatVector,
  Reshape: reshape,
  UpSampling1D: upSampling1d,
  ZeroPadding1D: zeroPadding1d,
};
