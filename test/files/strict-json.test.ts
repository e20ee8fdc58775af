import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStrictJson, strictJsonSlices } from '../../src/files/strict-json.ts';
import { runs } from '../support/runs.ts';

const bytes = (text: string) => Buffer.from(text);

/** A long object of so many members, beside those that are given as text. */
function long(members: string, count = 3_000): string {
  const others = Array.from({ length: count }, (_, k) => `"name ${k}" : {"shape":[${k},1],"x":"}],\\""}`);
  return `{${others.slice(0, count / 2).join(' ,\n')},${members},${others.slice(count / 2).join(',')}} `;
}

function slicesOf(text: string): number {
  const reading = strictJsonSlices(bytes(text));
  for (let slices = 1; ; slices++) if (reading.next().done) return slices;
}

function outcome(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    if (error instanceof SyntaxError) return 'refused';
    throw error;
  }
}

describe('long JSON of a file', () => {
  it('is what JSON.parse gives, with its keys in their order', () => {
    const text = long('"__proto__":{"a":1},"constructor":2,"toString":[3],"7":4,"":null');
    const { value, keys } = parseStrictJson(bytes(text));
    expect(value).toEqual(JSON.parse(text));
    expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(text)));
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(keys).toHaveLength(3_005);
    expect(keys.slice(1500, 1505)).toEqual(['__proto__', 'constructor', 'toString', '7', '']);
  });

  it('is read in slices', () => {
    const text = long('"a":1', 10_000);
    expect(slicesOf(text)).toBeGreaterThan(text.length / 2 ** 15);
  });

  it('is refused where JSON.parse refuses it, wherever it is damaged', () => {
    const text = long('"a":1', 2_000);
    const damages = fc.constantFrom(',', '', '}', '{', ',,', '},{', '"', ' ', ']', 'x', '1,', '{}');
    let refused = 0;
    fc.assert(
      fc.property(fc.nat(text.length - 1), damages, (at, damage) => {
        const wrong = text.slice(0, at) + damage + text.slice(at + 1);
        const expected = outcome(() => JSON.stringify(JSON.parse(wrong)));
        const read = outcome(() => JSON.stringify(parseStrictJson(bytes(wrong)).value));
        if (read === 'refused') refused += 1;
        // A key that occurs twice is refused too.
        if (read !== 'refused') expect(read).toBe(expected);
        else if (expected !== 'refused') expect(() => parseStrictJson(bytes(wrong))).toThrow(/occurs twice/);
      }),
      { numRuns: runs(800) },
    );
    expect(refused).toBeGreaterThan(10);
  });

  it.each(['"a":1,', ',"a":1', '', ' '])('is refused with the members %j between others', (members) => {
    expect(() => parseStrictJson(bytes(long(members)))).toThrow(SyntaxError);
  });

  it('is refused where a comma without members stands where a part ends', () => {
    const part = `"a":"${'x'.repeat(2 ** 16)}"`;
    for (const text of [`{${part},,"b":1}`, `{${part}, }`, `{${part},"b":1,}`, `{,${part},"b":1}`]) {
      expect(() => parseStrictJson(bytes(text)), text.replaceAll('x', '')).toThrow(SyntaxError);
    }
    expect(parseStrictJson(bytes(`{${part},"b":1}`)).value).toMatchObject({ b: 1 });
  });
});
