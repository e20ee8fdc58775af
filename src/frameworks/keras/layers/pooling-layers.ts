import type { Pooling } from '../../../domain/layers.ts';
import { extentOf, sequenceFeatures } from './convolution-layers.ts';
import { defineLayer, type LayerClass, type LayerSource, misfit, type Signal } from './layer-class.ts';
import { CHANNELS_LAST, choice, flag, json } from './layer-fields.ts';

/** MaxPooling1D and AveragePooling1D; strides null is the pool's size. */
function pooling(kind: 'max_pooling1d' | 'average_pooling1d'): LayerClass {
  return {
    fields: {
      pool_size: json(kind === 'max_pooling1d' ? 2 : undefined),
      strides: json(null),
      padding: choice('valid', 'same'),
      ...CHANNELS_LAST,
    },
    define(source, [input]) {
      sequenceFeatures(source, input);
      const size = extentOf(source, 'pool_size');
      const stride = (source.set.json.get('strides') ?? null) === null ? size : extentOf(source, 'strides');
      const params = { size, stride, padding: source.set.json.get('padding') as Pooling['padding'] };
      const output = { ...input, steps: stepsAfter(source, input.steps, params) };
      return defineLayer(source, { kind, params, inputs: [input], output, mask: { kind: 'drop' }, reach: 'sequence' });
    },
  };
}

function stepsAfter(source: LayerSource, steps: number | null, { size, stride, padding }: Pooling): number | null {
  if (steps === null) return null;
  const count = padding === 'same' ? Math.ceil(steps / stride) : Math.floor((steps - size) / stride) + 1;
  if (count >= 1) return count;
  throw misfit(source, `a pool has ${size} steps; the network has ${steps}.`);
}

/** Over all steps: GlobalMaxPooling1D looks at masked steps too, GlobalAveragePooling1D does not. */
function globalPooling(kind: 'global_max_pooling1d' | 'global_average_pooling1d'): LayerClass {
  return {
    fields: { ...CHANNELS_LAST, keepdims: flag(false) },
    define(source, [input]) {
      sequenceFeatures(source, input);
      const time = source.set.flags.get('keepdims') === true;
      const output: Signal = { ...input, time, steps: time ? 1 : null };
      return defineLayer(source, {
        kind,
        params: {},
        inputs: [input],
        output,
        mask: { kind: 'drop' },
        reach: 'sequence',
      });
    },
  };
}

export const POOLING_LAYERS: Readonly<Record<string, LayerClass>> = {
  AveragePooling1D: pooling('average_pooling1d'),
  GlobalAveragePooling1D: globalPooling('global_average_pooling1d'),
  GlobalMaxPooling1D: globalPooling('global_max_pooling1d'),
  MaxPooling1D: pooling('max_pooling1d'),
};
