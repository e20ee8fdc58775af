import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter } from '../../src/streams/line-splitter.ts';

/** The lines that come out of chunks, null for one that is too long. */
function linesOf(chunks: readonly string[], maxBytes: number): (string | null)[] {
  const splitter = new LineSplitter(maxBytes);
  const lines: (string | null)[] = [];
  for (const chunk of chunks) {
    const { text, tooLong } = splitter.push(Buffer.from(chunk));
    if (tooLong) lines.push(null);
    if (text) lines.push(...text.toString().slice(0, -1).split('\n'));
  }
  const last = splitter.end();
  if (last) lines.push(last.toString().slice(0, -1));
  return lines;
}

describe('the splitter of lines', () => {
  it('gives the same lines however the bytes are cut', () => {
    const line = fc.string({ unit: fc.constantFrom('a', 'b', '{', '"'), maxLength: 20 });
    const cuts = fc.array(fc.nat(60), { maxLength: 6 });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), cuts, fc.boolean(), (lines, places, ended) => {
        const text = lines.map((one) => `${one}\n`).join('') + (ended ? '' : 'rest');
        const at = [0, ...places.map((place) => Math.min(place, text.length)).sort((a, b) => a - b), text.length];
        const chunks = at.slice(1).map((to, k) => text.slice(at[k], to));
        expect(linesOf(chunks, 100)).toEqual(ended ? lines : [...lines, 'rest']);
      }),
    );
  });

  it('passes over a line that is too long, and goes on with the next', () => {
    expect(linesOf(['aaaa', 'aaaa', 'aaaa\nb\n'], 10)).toEqual([null, 'b']);
    expect(linesOf(['a\nbbbbbbbbbbbb', 'bbb\nc'], 10)).toEqual(['a', null, 'c']);
  });

  it('keeps no more than one line', () => {
    const splitter = new LineSplitter(1000);
    for (let k = 0; k < 10_000; k++) splitter.push(Buffer.from('x'));
    expect(splitter.end()).toBeUndefined();
  });
});
