import fc from 'fast-check';
import { expect, it } from 'vitest';
import { chunkOf, lineCounter } from '../../bench/streams/raw.ts';

it('counts every answer wherever the bytes are cut', () => {
  const answers = fc.array(fc.constantFrom('{}', '{"output":[[1]]}', '{"states":[{}]}'), {
    minLength: 1,
    maxLength: 6,
  });
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 150 }), { maxLength: 8 });
  fc.assert(
    fc.property(answers, cuts, (lines, places) => {
      const bytes = Buffer.concat([chunkOf(lines), chunkOf(lines)]);
      const ends = [...places.filter((at) => at < bytes.length).sort((a, b) => a - b), bytes.length];
      const count = lineCounter();
      const counted = ends.map((end, k) => count(bytes.subarray(ends[k - 1] ?? 0, end)));
      expect(counted.reduce((sum, some) => sum + some)).toBe(2 * lines.length);
    }),
  );
});
