import { describe, expect, it } from 'vitest';
import { FRAMEWORKS, type Weights } from '../../src/domain/cell-definition.ts';
import { sizeOf, Tensor } from '../../src/domain/tensor.ts';
import { createSimdEngines } from '../../src/engine/simd/simd.ts';
import { defineCell as defineInSlices } from '../../src/frameworks/define-cell.ts';
import { defineCell } from '../support/define.ts';
import { freshNames, refusal } from './keras/support.ts';

const options = { maxUnits: 8, autoName: freshNames() };

describe('a cell of each framework', () => {
  it('is defined by the class names and the config of that framework', () => {
    const cells = {
      keras: defineCell('keras', 'GRU', { units: 2 }, options),
      pytorch: defineCell('pytorch', 'GRU', { input_size: 3, hidden_size: 2 }, options),
      onnx: defineCell('onnx', 'GRU', { hidden_size: 2 }, options),
    };
    expect(Object.keys(cells)).toEqual([...FRAMEWORKS]);
    for (const [framework, cell] of Object.entries(cells)) expect(cell.framework).toBe(framework);
  });

  it('is refused for another framework', () => {
    expect(refusal(() => defineCell('jax', 'GRU', {}, options))).toEqual({
      code: 'invalid-config',
      pointer: '/framework',
      detail: 'Unknown framework "jax". Send one of keras, pytorch, onnx.',
    });
  });

  it.each([
    ['keras', 'GRU', { units: 2 }],
    ['keras', 'StackedRNNCells', { cells: [{ class_name: 'LSTMCell', config: { units: 2 } }] }],
    ['pytorch', 'GRU', { input_size: 3, hidden_size: 2, num_layers: 2 }],
    ['onnx', 'GRU', { hidden_size: 2 }],
  ])('has its weights packed once for steps and for sequences both ways: %s %s', (framework, className, config) => {
    const { step, sequence, variables } = defineCell(framework, className, config, options);
    const zeros = (): Weights =>
      Object.fromEntries(
        variables(3).map(({ name, shape }) => [name, new Tensor('float32', shape, new Float32Array(sizeOf(shape)))]),
      );
    const weights = zeros();
    const engines = createSimdEngines();
    const share = (of: Weights) => {
      engines.share(step!(3, of), 'fast');
      for (const goBackwards of [false, true]) engines.share(sequence(3, of, goBackwards), 'fast');
      return engines.statistics().packedBytes;
    };
    const once = share(weights);
    expect(share(weights)).toBe(once);
    expect(share(zeros())).toBe(2 * once);
    const single = createSimdEngines();
    single.share(step!(3, weights), 'fast');
    expect(single.statistics().packedBytes).toBe(once);
  });
});

it('reads a network a layer at a time', () => {
  const layers = Array.from({ length: 50 }, () => ({ class_name: 'Dense', config: { units: 2 } }));
  const options = { maxUnits: 8, autoName: (base: string) => base, inputShape: [null, null, 2] };
  for (const inner of [layers, [{ class_name: 'Sequential', config: { layers } }]]) {
    const slices = [...defineInSlices('keras', 'Sequential', { layers: inner }, options)];
    expect(slices.length).toBeGreaterThanOrEqual(layers.length);
  }
});
