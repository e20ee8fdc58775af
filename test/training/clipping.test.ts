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

// As Keras on TensorFlow does it (base_optimizer.py, _clip_gradients).
describe('a sparse gradient', () => {
  it('stays sparse where nothing is clipped', () => {
    expect(clipGradients(gradients(), NONE)).toEqual(gradients());
  });

  it.each([
    ['clipnorm', { ...NONE, clipnorm: 10 }],
    ['clipvalue', { ...NONE, clipvalue: 10 }],
  ])('stays sparse under a large %s', (_, clipping) => {
    expect(clipGradients(gradients(), clipping)).toEqual(gradients());
  });

  it('has its parts multiplied by clipnorm', () => {
    const [first] = clipGradients(gradients(), { ...NONE, clipnorm: 2.5 });
    expect(first).toEqual({ values: Float64Array.of(3.5, 0), squares: Float64Array.of(6.25, 0) });
  });

  it('has its parts clipped to clipvalue already', () => {
    const [first] = clipGradients(gradients(), { ...NONE, clipvalue: 4 });
    expect(first).toEqual(gradients()[0]);
  });

  it('is dense after global_clipnorm, also where that changes no value', () => {
    const [first, second] = clipGradients(gradients(), { ...NONE, global_clipnorm: 10 });
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
