import { expect, it } from 'vitest';
import { createRandom } from './random.ts';
import { isAbove, slopeOf } from './slope.ts';

const noise = createRandom(1);
const line = (perUnit: number, amplitude: number) =>
  Array.from({ length: 60 }, (_, x) => [x, 100 + perUnit * x + amplitude * (noise.next() - 0.5)] as const);

it('is the slope of a line, without an error', () => {
  expect(slopeOf(line(3, 0))).toEqual({ perUnit: 3, error: 0 });
});

it('tells memory that grows from memory that only goes up and down', () => {
  expect(isAbove(slopeOf(line(2, 20)), 1)).toBe(true);
  expect(isAbove(slopeOf(line(0, 20)), 1)).toBe(false);
  expect(isAbove(slopeOf(line(1, 20)), 1)).toBe(false);
});
