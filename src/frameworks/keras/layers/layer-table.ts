import { ACTIVATION_CLASSES } from './activation-classes.ts';
import { CONVOLUTION_LAYERS } from './convolution-layers.ts';
import { CORE_LAYERS } from './core-layers.ts';
import type { LayerClass } from './layer-class.ts';
import { MERGING_LAYERS } from './merging-layers.ts';
import { NOISE_LAYERS } from './noise-layers.ts';
import { NORMALIZATION_LAYERS } from './normalization-layers.ts';
import { POOLING_LAYERS } from './pooling-layers.ts';
import { RECURRENT_LAYERS } from './recurrent-layers.ts';
import { RESHAPING_LAYERS } from './reshaping-layers.ts';

/** Every layer of Keras that a network may have, except the recurrent ones. */
export const LAYERS: Readonly<Record<string, LayerClass>> = {
  ...ACTIVATION_CLASSES,
  ...CONVOLUTION_LAYERS,
  ...CORE_LAYERS,
  ...MERGING_LAYERS,
  ...NOISE_LAYERS,
  ...NORMALIZATION_LAYERS,
  ...POOLING_LAYERS,
  ...RESHAPING_LAYERS,
};

/** The names of all of them, for messages. */
export const LAYER_NAMES: readonly string[] = [
  ...Object.keys(LAYERS),
  ...Object.keys(RECURRENT_LAYERS),
  'TimeDistributed',
  'InputLayer',
  'Sequential',
  'Functional',
].toSorted();
