import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findWrongTexts } from '../../../scripts/float32-text-check.ts';
import { runs } from '../../support/runs.ts';

const COUNT = 1024;

/** A sample of what scripts/check-float32-text.ts does for all values. */
describe('the texts of neighbouring float32 values', () => {
  it('are right in any place', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 / COUNT - 1 }), (chunk) => {
        expect(findWrongTexts(chunk * COUNT, COUNT)).toEqual([]);
      }),
      { numRuns: runs(300) },
    );
  });

  it('are right around every power of two, of both signs', () => {
    for (let exponent = 0; exponent < 256; exponent++) {
      for (const sign of [0, 2 ** 31]) {
        const from = Math.max(0, exponent * 2 ** 23 - 64) + sign;
        expect(findWrongTexts(from, 128)).toEqual([]);
      }
    }
  });

  it.each([
    ['reads back', (value: number) => value.toPrecision(6)],
    ['too long', (value: number) => value.toPrecision(9).replace(/0+$/, '1')],
    [
      'closest',
      (value: number) =>
        `${Math.fround(value) === 0.5 ? 0.5 : value.toPrecision(8)}`.replace(/[0-8]$/, (last) => `${+last + 1}`),
    ],
  ])('are told from wrong ones: %s', (_, text) => {
    const wrong = findWrongTexts(0x3f000001, COUNT, (values) => `[${Array.from(values, text).join(',')}]`);
    expect(wrong.length).toBeGreaterThan(COUNT / 20);
  });
});
