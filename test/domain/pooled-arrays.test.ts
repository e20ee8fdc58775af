import { describe, expect, it } from 'vitest';
import { pooledFloat32, pooledFloat64 } from '../../src/domain/pooled-arrays.ts';

describe('pooled arrays', () => {
  it('have the requested length, and share no element, even with texts of odd lengths from the same pool', () => {
    const lengths = Array.from({ length: 3000 }, (_, i) => (i * 7919) % 700);
    const texts: Buffer[] = [];
    const arrays = lengths.map((length, i) => {
      texts.push(Buffer.from('x'.repeat(i % 13)));
      return i % 2 === 0 ? pooledFloat32(length) : pooledFloat64(length);
    });
    for (const [i, array] of arrays.entries()) {
      expect(array.length).toBe(lengths[i]);
      array.fill(i + 1);
    }
    for (const [i, array] of arrays.entries()) expect(array.every((value) => value === i + 1)).toBe(true);
    for (const [i, text] of texts.entries()) expect(`${text}`).toBe('x'.repeat(i % 13));
  });

  it('have a buffer of their own where they are long', () => {
    expect(pooledFloat32(2 ** 16).buffer.byteLength).toBe(2 ** 18);
    expect(pooledFloat64(2 ** 16).buffer.byteLength).toBe(2 ** 19);
  });
});
