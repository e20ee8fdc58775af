import type { AnyLayer, LayerKind } from '../../domain/layers.ts';
import { batchNormalization } from './batch-normalization.ts';
import { concatenate } from './concatenate.ts';
import { conv1d } from './conv1d.ts';
import { cropping1d } from './cropping1d.ts';
import { dense } from './dense.ts';
import { depthwiseConv1d } from './depthwise-conv1d.ts';
import { embedding } from './embedding.ts';
import { globalAveragePooling1d, globalMaxPooling1d } from './global-pooling1d.ts';
import { identity } from './identity.ts';
import type { LayerFormula, LayerForward } from './layer-formula.ts';
import { layerNormalization } from './layer-normalization.ts';
import { masking } from './masking.ts';
import { merge } from './merge.ts';
import { normalization } from './normalization.ts';
import { permute } from './permute.ts';
import { averagePooling1d, maxPooling1d } from './pooling1d.ts';
import { prelu } from './prelu.ts';
import { repeatVector } from './repeat-vector.ts';
import { rescaling } from './rescaling.ts';
import { rmsNormalization } from './rms-normalization.ts';
import { separableConv1d } from './separable-conv1d.ts';
import { unitNormalization } from './unit-normalization.ts';
import { upSampling1d } from './up-sampling1d.ts';
import { zeroPadding1d } from './zero-padding1d.ts';

/** Every layer's formula in evaluation. */
const FORMULAS: { readonly [K in LayerKind]: LayerFormula<K> } = {
  average_pooling1d: averagePooling1d,
  batch_normalization: batchNormalization,
  concatenate,
  conv1d,
  cropping1d,
  dense,
  depthwise_conv1d: depthwiseConv1d,
  dropout: identity,
  embedding,
  gaussian_dropout: identity,
  gaussian_noise: identity,
  global_average_pooling1d: globalAveragePooling1d,
  global_max_pooling1d: globalMaxPooling1d,
  identity,
  layer_normalization: layerNormalization,
  masking,
  max_pooling1d: maxPooling1d,
  merge,
  normalization,
  permute,
  prelu,
  repeat_vector: repeatVector,
  rescaling,
  reshape: identity,
  rms_normalization: rmsNormalization,
  separable_conv1d: separableConv1d,
  unit_normalization: unitNormalization,
  up_sampling1d: upSampling1d,
  zero_padding1d: zeroPadding1d,
};

export function layerForward(layer: AnyLayer): LayerForward {
  return FORMULAS[layer.kind](layer as never);
}
