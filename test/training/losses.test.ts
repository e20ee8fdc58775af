import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/domain/json.ts';
import { parseLoss } from '../../src/frameworks/keras/training/parse-loss.ts';
import { lossOf } from '../../src/training/loss.ts';
import { type GoldenTensor, readGolden } from '../golden/compare.ts';

interface LossCase {
  readonly name: string;
  readonly loss: JsonObject;
  readonly targets: GoldenTensor;
  readonly predictions: GoldenTensor;
  readonly sample_weight?: GoldenTensor;
  readonly mask?: readonly (readonly boolean[])[];
  readonly value: number;
  readonly gradient: GoldenTensor;
}

const { cases } = readGolden<{ cases: LossCase[] }>('training/losses.json');
const numbers = ({ data }: GoldenTensor) => Float32Array.from(data, Number);

/** Keras leaves some parameters out of what it prints. */
const UNPRINTED: Readonly<Record<string, JsonObject>> = { huber: { delta: 0.7 } };

describe('losses as Keras computes them', () => {
  it.each(cases)('$name', ({ name, loss, targets, predictions, sample_weight, mask, value, gradient }) => {
    const [, more] = Object.entries(UNPRINTED).find(([kind]) => /^huber(?!_default)/.test(name) && kind) ?? [];
    const config = { ...(loss.config as JsonObject), ...more };
    const spec = parseLoss({ ...loss, config }, '/loss');
    const width = predictions.shape[predictions.shape.length - 1];
    const entries = predictions.data.length / width;
    const sampleWeight = sample_weight && numbers(sample_weight);
    const given = { values: numbers(targets), entries, width, sampleWeight };
    const flags = mask && Uint8Array.from(mask.flat(), Number);
    const result = lossOf(spec, given, numbers(predictions), flags);
    expect(Math.abs(result.loss - value)).toBeLessThanOrEqual(2e-6 * Math.max(1, Math.abs(value)));
    expect(result.gradient).toHaveLength(gradient.data.length);
    gradient.data.forEach((expected, i) => {
      const off = Math.abs(result.gradient[i] - Number(expected));
      expect(off, `gradient[${i}]`).toBeLessThanOrEqual(1e-6 + 4e-6 * Math.abs(Number(expected)));
    });
  });
});

describe('a loss by its identifiers', () => {
  it.each([
    ['mse', 'MeanSquaredError'],
    ['MAE', 'MeanAbsoluteError'],
    ['huber', 'Huber'],
    ['log_cosh', 'LogCosh'],
    ['BCE', 'BinaryCrossentropy'],
    ['categorical_crossentropy', 'CategoricalCrossentropy'],
    ['sparse_categorical_crossentropy', 'SparseCategoricalCrossentropy'],
    ['kld', 'KLDivergence'],
    ['cosine_similarity', 'CosineSimilarity'],
  ])('knows %s', (identifier, className) => {
    expect(parseLoss(identifier, '/loss').className).toBe(className);
    const serialized = { module: 'builtins', class_name: 'function', config: identifier, registered_name: 'function' };
    expect(parseLoss(serialized, '/loss').className).toBe(className);
  });

  it.each<[string, JsonObject | string, RegExp]>([
    ['an unknown name', 'mean_squared', /Could not interpret loss identifier: "mean_squared"/],
    ['an unknown parameter', { class_name: 'Huber', config: { delta: 1, gamma: 2 } }, /'gamma'|"gamma"/],
    ['an unknown reduction', { class_name: 'MeanSquaredError', config: { reduction: 'max' } }, /send one of sum_over/],
    ['another axis', { class_name: 'CosineSimilarity', config: { axis: 1 } }, /along the last axis/],
    [
      'a smoothing of 1',
      { class_name: 'BinaryCrossentropy', config: { label_smoothing: 1 } },
      /Send a number of at least 0 and less than 1/,
    ],
  ])('refuses %s', (_, sent, message) => {
    expect(() => parseLoss(sent, '/loss')).toThrow(message);
  });
});
