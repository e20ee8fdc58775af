import { describe, expect, it } from 'vitest';
import { defineCell, FRAMEWORKS } from '../../src/domain/define-cell.ts';
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
      detail: '"jax" is no framework; send one of keras, pytorch, onnx.',
    });
  });
});
