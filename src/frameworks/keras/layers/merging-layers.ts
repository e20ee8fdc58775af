import type { MergeInput, NetworkMerge } from '../../../domain/layers.ts';
import { formatShape, sameShape, sizeOf } from '../../../domain/tensor.ts';
import { placesIn } from './activation-classes.ts';
import {
  axisOf,
  defineLayer,
  kerasShape,
  type LayerClass,
  type LayerSource,
  misfit,
  type Signal,
} from './layer-class.ts';
import { number } from './layer-fields.ts';

/** A merging layer of Keras, number by number; Subtract takes two inputs. */
function merging(mode: NetworkMerge): LayerClass {
  return {
    fields: {},
    several: true,
    define(source, inputs) {
      if (inputs.length < 2 || (mode === 'subtract' && inputs.length > 2)) {
        const takes = mode === 'subtract' ? 'exactly two inputs' : 'two inputs or more';
        throw misfit(source, `it has ${inputs.length} of them; it takes ${takes}.`);
      }
      const output = inputs.reduce((a, b) => broadcast(source, a, b));
      const places = inputs.map((input): MergeInput => {
        const same = sameShape(input.dims, output.dims);
        const repeated = output.time && !input.time;
        const own = input.dims.length < output.dims.length ? padded(input.dims, output.dims.length) : input.dims;
        return { places: same ? null : placesIn(output.dims, own), repeated };
      });
      const across = places.some(({ repeated }) => repeated);
      return defineLayer(source, {
        kind: 'merge',
        params: { mode, inputs: places },
        inputs,
        output,
        mask: { kind: 'any' },
        ...(across ? { reach: 'sequence' } : {}),
        rowWidth: sizeOf(output.dims),
      });
    },
  };
}

/** Keras inserts missing axes after the batch axis. */
function padded(dims: readonly number[], rank: number): number[] {
  return [...Array.from({ length: rank - dims.length }, () => 1), ...dims];
}

function broadcast(source: LayerSource, a: Signal, b: Signal): Signal {
  const rank = Math.max(a.dims.length, b.dims.length);
  const [x, y] = [padded(a.dims, rank), padded(b.dims, rank)];
  const dims = x.map((extent, k) => (extent === 1 ? y[k] : extent));
  const fits = x.every((extent, k) => extent === y[k] || extent === 1 || y[k] === 1);
  const steps = a.time && b.time && a.steps !== null && b.steps !== null && a.steps !== b.steps;
  const mixed = a.time !== b.time && a.dims.length !== b.dims.length;
  if (!fits || steps || mixed || (a.time && b.time && a.dims.length !== b.dims.length)) {
    const shapes = [a, b].map((signal) => formatShape(kerasShape(signal))).join(' and ');
    throw misfit(source, `inputs of shapes ${shapes} do not fit together.`);
  }
  return { ...(a.time ? a : b), steps: a.steps ?? b.steps, dims };
}

/** Keras Concatenate along the features, another axis of a step, or time. */
const concatenate: LayerClass = {
  fields: { axis: number(-1) },
  several: true,
  define(source, inputs) {
    if (inputs.length < 1) throw misfit(source, 'it has no inputs.');
    const [first] = inputs;
    const at = axisOf(source, first, source.set.numbers.get('axis') ?? -1);
    const alike = inputs.every(
      ({ time, steps, dims }) =>
        time === first.time &&
        dims.length === first.dims.length &&
        dims.every((extent, k) => k === at || extent === first.dims[k]) &&
        (at === 'time' || steps === null || first.steps === null || steps === first.steps),
    );
    if (!alike) {
      const shapes = inputs.map((signal) => formatShape(kerasShape(signal))).join(', ');
      throw misfit(source, `inputs of shapes ${shapes} differ in more than the axis along which they are joined.`);
    }
    if (at === 'time') return alongTime(source, inputs);
    const dims = first.dims.with(
      at,
      inputs.reduce((sum, input) => sum + input.dims[at], 0),
    );
    return defineLayer(source, {
      kind: 'concatenate',
      params: { widths: inputs.map((input) => sizeOf(input.dims.slice(at))) },
      inputs,
      output: { ...first, steps: inputs.reduce<number | null>((known, { steps }) => known ?? steps, null), dims },
      mask: { kind: 'concatenate' },
    });
  },
};

function alongTime(source: LayerSource, inputs: readonly Signal[]) {
  if (inputs.some(({ masked }) => masked)) throw misfit(source, 'masked sequences cannot be joined along time.');
  const steps = inputs.reduce<number | null>(
    (sum, input) => (sum === null || input.steps === null ? null : sum + input.steps),
    0,
  );
  return defineLayer(source, {
    kind: 'concatenate',
    params: { widths: inputs.map(() => null) },
    inputs,
    output: { ...inputs[0], steps },
    mask: { kind: 'refuse' },
    reach: 'sequence',
  });
}

export const MERGING_LAYERS: Readonly<Record<string, LayerClass>> = {
  Add: merging('add'),
  Average: merging('average'),
  Concatenate: concatenate,
  Maximum: merging('maximum'),
  Minimum: merging('minimum'),
  Multiply: merging('multiply'),
  Subtract: merging('subtract'),
};
