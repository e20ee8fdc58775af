import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ID_PATTERN } from '../../src/domain/ids.ts';
import { sequenceOf, sessionIdOf } from '../../src/oip/sequence.ts';
import { runs } from '../support/runs.ts';

const cell = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,12}$/);
const id = fc.oneof(
  fc.bigInt(1n, 2n ** 64n - 1n),
  fc.string({ minLength: 1, maxLength: 128 }),
  fc.stringMatching(/^[a.s-]{1,6}[0-9]{0,3}$/),
);

describe('sessionIdOf', () => {
  it('is readable where it can be', () => {
    expect(sessionIdOf('sum', 42n)).toBe('oip.sum.42');
    expect(sessionIdOf('sum', '42')).toBe('oip.sum.s-42');
    expect(sessionIdOf('sum', 'a.b')).toMatch(/^oip\.h-[\w-]{43}$/);
    expect(sessionIdOf('c'.repeat(128), 1n)).toMatch(/^oip\.h-/);
  });

  it('is an id, and one of its own for each cell and sequence', () => {
    fc.assert(
      fc.property(cell, id, cell, id, (a, x, b, y) => {
        const [one, other] = [sessionIdOf(a, x), sessionIdOf(b, y)];
        expect(one).toMatch(ID_PATTERN);
        expect(one === other).toBe(a === b && x === y);
      }),
      { numRuns: runs(500) },
    );
  });
});

describe('sequenceOf', () => {
  it('is absent without an id, for 0 and for the empty string', () => {
    for (const sequence_id of [undefined, 0n, '']) {
      expect(sequenceOf({ sequence_id, sequence_start: false })).toBeUndefined();
      expect(() => sequenceOf({ sequence_id, sequence_end: true })).toThrow('sequence_end is set');
    }
  });
});
