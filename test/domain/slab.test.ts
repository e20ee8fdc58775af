import { describe, expect, it } from 'vitest';
import { shortFloat32, shortFloat64 } from '../../src/domain/slab.ts';

describe('short arrays', () => {
  it('are zeros of the length asked for, and share no element, however many there are', () => {
    const lengths = Array.from({ length: 3000 }, (_, i) => (i * 7919) % 700);
    const arrays = lengths.map((length, i) => (i % 2 === 0 ? shortFloat32(length) : shortFloat64(length)));
    for (const [i, array] of arrays.entries()) {
      expect(array.length).toBe(lengths[i]);
      expect(array.every((value) => value === 0)).toBe(true);
      array.fill(i + 1);
    }
    for (const [i, array] of arrays.entries()) expect(array.every((value) => value === i + 1)).toBe(true);
  });

  it('have a buffer of their own where they are long', () => {
    expect(shortFloat32(2000).buffer.byteLength).toBe(8000);
    expect(shortFloat64(2000).buffer.byteLength).toBe(16000);
  });
});
