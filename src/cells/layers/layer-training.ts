import type { AnyLayer, LayerKind } from '../../domain/layers.ts';
import { batchNormalizationTraining } from './batch-normalization-training.ts';
import type { LayerTraining, TrainingBatch, TrainingPass } from './layer-formula.ts';
import { dropoutTraining, gaussianDropoutTraining, gaussianNoiseTraining } from './noise-training.ts';

const TRAINING: { readonly [K in LayerKind]?: LayerTraining<K> } = {
  batch_normalization: batchNormalizationTraining,
  dropout: dropoutTraining,
  gaussian_dropout: gaussianDropoutTraining,
  gaussian_noise: gaussianNoiseTraining,
};

/** The layer in training mode; undefined where that is as in evaluation. */
export function layerTraining(layer: AnyLayer): ((batch: TrainingBatch) => TrainingPass) | undefined {
  if (layer.kind === 'batch_normalization' && !layer.params.trained) return undefined;
  return TRAINING[layer.kind]?.(layer as never);
}

/** Whether the layer draws from a seed in training. */
export function draws({ kind }: AnyLayer): boolean {
  return kind === 'dropout' || kind === 'gaussian_dropout' || kind === 'gaussian_noise';
}
