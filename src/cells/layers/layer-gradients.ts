import type { AnyLayer, LayerKind } from '../../domain/layers.ts';
import { batchNormalizationGradient } from './batch-normalization-gradient.ts';
import { concatenateGradient } from './concatenate.ts';
import { conv1dGradient } from './conv1d-gradient.ts';
import { cropping1dGradient } from './cropping1d.ts';
import { denseGradient } from './dense-gradient.ts';
import { depthwiseConv1dGradient } from './depthwise-conv1d-gradient.ts';
import { embeddingGradient } from './embedding-gradient.ts';
import { globalAveragePooling1dGradient, globalMaxPooling1dGradient } from './global-pooling1d-gradient.ts';
import { identityGradient } from './identity.ts';
import type { LayerGradient, LayerPull } from './layer-formula.ts';
import { layerNormalizationGradient } from './layer-normalization-gradient.ts';
import { maskingGradient } from './masking-gradient.ts';
import { mergeGradient } from './merge-gradient.ts';
import { normalizationGradient } from './normalization-gradient.ts';
import { permuteGradient } from './permute.ts';
import { averagePooling1dGradient, maxPooling1dGradient } from './pooling1d-gradient.ts';
import { preluGradient } from './prelu-gradient.ts';
import { repeatVectorGradient } from './repeat-vector.ts';
import { rescalingGradient } from './rescaling.ts';
import { rmsNormalizationGradient } from './rms-normalization-gradient.ts';
import { separableConv1dGradient } from './separable-conv1d-gradient.ts';
import { unitNormalizationGradient } from './unit-normalization-gradient.ts';
import { upSampling1dGradient } from './up-sampling1d.ts';
import { zeroPadding1dGradient } from './zero-padding1d.ts';

/** The way back through every layer of layer-formulas.ts. */
const GRADIENTS: { readonly [K in LayerKind]: LayerGradient<K> } = {
  average_pooling1d: averagePooling1dGradient,
  batch_normalization: batchNormalizationGradient,
  concatenate: concatenateGradient,
  conv1d: conv1dGradient,
  cropping1d: cropping1dGradient,
  dense: denseGradient,
  depthwise_conv1d: depthwiseConv1dGradient,
  dropout: identityGradient,
  embedding: embeddingGradient,
  gaussian_dropout: identityGradient,
  gaussian_noise: identityGradient,
  global_average_pooling1d: globalAveragePooling1dGradient,
  global_max_pooling1d: globalMaxPooling1dGradient,
  identity: identityGradient,
  layer_normalization: layerNormalizationGradient,
  masking: maskingGradient,
  max_pooling1d: maxPooling1dGradient,
  merge: mergeGradient,
  normalization: normalizationGradient,
  permute: permuteGradient,
  prelu: preluGradient,
  repeat_vector: repeatVectorGradient,
  rescaling: rescalingGradient,
  reshape: identityGradient,
  rms_normalization: rmsNormalizationGradient,
  separable_conv1d: separableConv1dGradient,
  unit_normalization: unitNormalizationGradient,
  up_sampling1d: upSampling1dGradient,
  zero_padding1d: zeroPadding1dGradient,
};

export function layerPull(layer: AnyLayer): LayerPull {
  return GRADIENTS[layer.kind](layer as never);
}
