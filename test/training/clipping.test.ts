import { describe, expect, it } from 'vitest';
import { clipGradients } from '../../src/training/clipping.ts';

/** Gradients of an Embedding, two parts of which came for one id: 3 and 4; and of another variable. */
function gradients() {
  return [
    { values: Float64Array.of(7, 0), squares: Float64Array.of(25, 0) },
    { values: Float64Array.of(0, 2), squares: undefined },
  ];
}

const NONE = { clipnorm: null, global_clipnorm: null, clipvalue: null };

// Keras multiplies or clips a sparse gradient as a dense one (base_optimizer.py, _clip_gradients).
describe('a sparse gradient', () => {
  it('stays sparse where nothing is clipped', () => {
    expect(clipGradients(gradients(), NONE)).toEqual(gradients());
  });

  it.each([
    ['clipnorm', { ...NONE, clipnorm: 10 }],
    ['global_clipnorm', { ...NONE, global_clipnorm: 10 }],
    ['clipvalue', { ...NONE, clipvalue: 10 }],
  ])('is dense after %s, also where that changes no value', (_, clipping) => {
    const [first, second] = clipGradients(gradients(), clipping);
    expect(first).toEqual({ values: Float64Array.of(7, 0) });
    expect(second.values).toEqual(Float64Array.of(0, 2));
  });

  it('has the norm of its parts in a global norm', () => {
    const [first, second] = clipGradients(gradients(), { ...NONE, global_clipnorm: 1 });
    const norm = Math.sqrt(25 + 4);
    expect(first.values[0]).toBeCloseTo(7 / norm, 12);
    expect(second.values[1]).toBeCloseTo(2 / norm, 12);
  });
});
