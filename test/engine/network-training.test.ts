import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/domain/tensor.ts';
import { referenceEngine } from '../../src/engine/reference.ts';
import { kerasCell } from '../support/define.ts';

const layer = (class_name: string, config: object = {}) =>
  ({ class_name, config: { dtype: 'float64', ...config } }) as never;

describe('training of a network', () => {
  it('normalizes by the batch, and moves the statistics toward it', () => {
    const input = { class_name: 'InputLayer', config: { batch_shape: [null, null, 1] } };
    const config = { layers: [input, layer('BatchNormalization', { momentum: 0.5, epsilon: 0 })] };
    const definition = kerasCell('Sequential', config, { maxUnits: 8, autoName: (base) => base });
    const one = (value: number) => new Tensor('float64', [1], Float64Array.of(value));
    const weights = {
      'batch_normalization.gamma': one(1),
      'batch_normalization.beta': one(0),
      'batch_normalization.moving_mean': one(0),
      'batch_normalization.moving_variance': one(1),
    };
    const program = definition.sequence(0, weights, false);
    const request = { inputs: Float64Array.of(1, 3, 5, 7), batch: 2, time: 2, states: [], zeroOutputForMask: false };
    const evaluated = referenceEngine.prepareSequence(program).run(request).sequences[0];
    expect([...evaluated]).toEqual([1, 3, 5, 7]);
    const trained = referenceEngine.prepareSequence(program).run({ ...request, training: {} }).sequences[0];
    const deviation = Math.sqrt(5);
    expect([...trained].map((value) => Math.fround(value))).toEqual(
      [-3, -1, 1, 3].map((value) => Math.fround(value / deviation)),
    );
    const gradients = referenceEngine.prepareGradients(program);
    const cotangents = [Float64Array.of(1, 2, 3, 4)];
    const result = gradients.run({ ...request, training: {}, cotangents, returnSequences: true });
    expect(definition.statistics?.(result)).toEqual({
      'batch_normalization.moving_mean': Float64Array.of(2),
      'batch_normalization.moving_variance': Float64Array.of(3),
    });
    // A shift of all inputs changes nothing.
    expect([...result.inputs].reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 12);
    const named = definition.gradients(result);
    expect(Object.keys(named)).toEqual(['batch_normalization.gamma', 'batch_normalization.beta']);
    expect(named['batch_normalization.gamma'][0]).toBeCloseTo(10 / deviation, 12);
    expect(named['batch_normalization.beta'][0]).toBe(10);
  });

  it('takes the moments of each step for itself within a TimeDistributed, as Keras calls it', () => {
    const input = { class_name: 'InputLayer', config: { batch_shape: [null, null, 1] } };
    const inner = layer('BatchNormalization', { momentum: 0.5, epsilon: 0 });
    const config = { layers: [input, layer('TimeDistributed', { name: 'each', layer: inner })] };
    const definition = kerasCell('Sequential', config, { maxUnits: 8, autoName: (base) => base });
    const one = (value: number) => new Tensor('float64', [1], Float64Array.of(value));
    const weights = {
      'each.gamma': one(1),
      'each.beta': one(0),
      'each.moving_mean': one(0),
      'each.moving_variance': one(1),
    };
    const program = definition.sequence(0, weights, false);
    // Of the steps, 1 and 5 have the mean 3 and the variance 4, 3 and 9 the mean 6 and the variance 9.
    const request = { inputs: Float64Array.of(1, 3, 5, 9), batch: 2, time: 2, states: [], zeroOutputForMask: false };
    const trained = referenceEngine.prepareSequence(program).run({ ...request, training: {} }).sequences[0];
    expect([...trained]).toEqual([-1, -1, 1, 1]);
    const cotangents = [Float64Array.of(1, 2, 3, 4)];
    const gradients = referenceEngine.prepareGradients(program);
    const result = gradients.run({ ...request, training: {}, cotangents, returnSequences: true });
    expect(definition.statistics?.(result)).toEqual({
      'each.moving_mean': Float64Array.of(0.5 * (0.5 * 3) + 0.5 * 6),
      'each.moving_variance': Float64Array.of(0.5 * (0.5 * 1 + 0.5 * 4) + 0.5 * 9),
    });
    expect(definition.gradients(result)['each.gamma'][0]).toBeCloseTo(-1 - 2 + 3 + 4, 12);
    // A shift of all inputs of a step changes nothing.
    expect(result.inputs[0] + result.inputs[2]).toBeCloseTo(0, 12);
    expect(result.inputs[1] + result.inputs[3]).toBeCloseTo(0, 12);
  });
});
