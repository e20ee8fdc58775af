import { binaryCrossentropy } from './binary-crossentropy.ts';
import { categoricalCrossentropy } from './categorical-crossentropy.ts';
import { cosineSimilarity } from './cosine-similarity.ts';
import type { EntryLoss, LossParameters } from './entry-loss.ts';
import { huber } from './huber.ts';
import { klDivergence } from './kl-divergence.ts';
import { logCosh } from './log-cosh.ts';
import { meanAbsoluteError } from './mean-absolute-error.ts';
import { meanSquaredError } from './mean-squared-error.ts';
import { sparseCategoricalCrossentropy } from './sparse-categorical-crossentropy.ts';

/** By Keras' class name. */
export const LOSSES: Readonly<Record<string, (params: LossParameters) => EntryLoss>> = {
  BinaryCrossentropy: binaryCrossentropy,
  CategoricalCrossentropy: categoricalCrossentropy,
  CosineSimilarity: cosineSimilarity,
  Huber: huber,
  KLDivergence: klDivergence,
  LogCosh: logCosh,
  MeanAbsoluteError: meanAbsoluteError,
  MeanSquaredError: meanSquaredError,
  SparseCategoricalCrossentropy: sparseCategoricalCrossentropy,
};
