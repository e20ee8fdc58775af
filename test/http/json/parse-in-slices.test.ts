import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainJson } from '../../../src/http/bodies/json-body.ts';
import { checkBounds, MOST_FIELDS, SLICE_BYTES } from '../../../src/http/json/bounds.ts';
import { JsonMistake, parseInSlices } from '../../../src/http/json/parse-in-slices.ts';
import { runs } from '../../support/runs.ts';

/** What a text is read as, in how many slices, and the longest part that was parsed at once. */
function read(text: string) {
  const bytes = Buffer.from(text);
  let slices = 1;
  let longest = 0;
  const parse = (part: string) => {
    longest = Math.max(longest, part.length);
    return JSON.parse(part);
  };
  const bounds = checkBounds(bytes, MOST_FIELDS);
  let bound = bounds.next();
  for (; !bound.done; bound = bounds.next()) slices++;
  const reading = parseInSlices(bytes, bound.value, parse);
  let step = reading.next();
  for (; !step.done; step = reading.next()) slices++;
  return { value: step.value, slices, longest };
}

const NUMBERS = Array.from({ length: 60_000 }, (_, k) => k / 7);
const NAMED = Object.fromEntries(Array.from({ length: 7_000 }, (_, k) => [`name ${k} "\\\n`, [k, { k }]]));
/** A mistake is put at the end, where all before has been read. */
const LONG = JSON.stringify(NUMBERS);

describe('long JSON text', () => {
  it.each([
    ['a list of numbers', NUMBERS],
    ['an object of many fields', NAMED],
    ['lists in lists', [[NUMBERS, [1, NUMBERS, 'x'], NUMBERS], [], {}, 'y']],
    ['lists in objects', { a: 1, 'b"': { c: NUMBERS, d: { e: NUMBERS } }, f: [], g: NAMED, h: null }],
    ['strings that look like brackets', Array(20_000).fill('[{"\\]},')],
    ['characters of several bytes', Array(20_000).fill('häß€𝄞')],
    ['a long string', 'x'.repeat(300_000)],
    ['long strings in a list and in an object', [1, 'x'.repeat(100_000), { a: 'y'.repeat(100_000), b: [2] }, 'z']],
    ['a long string of characters of several bytes', 'a€𝄞'.repeat(40_000)],
    ['a long string of escapes', '\n\\"\u0001\ud834'.repeat(40_000)],
    ['a long string of backslashes', '\\'.repeat(200_000)],
  ])('is read as JSON.parse reads it: %s', (_, value) => {
    for (const indent of [0, 1]) {
      const text = JSON.stringify(value, null, indent);
      const result = read(text);
      expect(JSON.stringify(result.value)).toBe(JSON.stringify(value));
      // Both when it is looked through and when it is parsed.
      expect(result.slices).toBeGreaterThan(text.length / SLICE_BYTES / 4);
      expect(result.longest).toBeLessThan(3 * SLICE_BYTES);
    }
  });

  it('is cut in no character and no escape of a long string', () => {
    const part = fc.constantFrom('a', '\\\\', '\\n', '\\u00e4', '\\ud834\\udd1e', 'ä', '€', '𝄞', '\\"');
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), fc.nat(8), (parts, before) => {
        const text = `["${'x'.repeat(before)}${parts.join('').repeat(Math.ceil(70_000 / parts.join('').length))}"]`;
        expect(read(text).value).toEqual(JSON.parse(text));
      }),
      { numRuns: runs(100) },
    );
  });

  it('is looked through in slices where it is one string of escapes', () => {
    const { slices } = read(`"${'\\n'.repeat(500_000)}"`);
    expect(slices).toBeGreaterThan(2 * (1_000_000 / 2 ** 17));
  });

  it.each([
    ['a name of more than 64 KiB', `{"${'n'.repeat(70_000)}":1}`, /bytes in the name of a field/],
    ['a number of more than 64 KiB', `[1,${'2'.repeat(140_000)}]`, /digits in a number/],
    ['a word of more than 64 KiB', `[1,${'n'.repeat(140_000)}]`, /digits in a number/],
  ])('is refused with %s', (_, text, message) => {
    expect(() => plainJson(Buffer.from(text), JSON.parse)).toThrow(message);
  });

  it('may have any number of blanks, which are not parsed', () => {
    const blanks = ' \n\t\r'.repeat(100_000);
    let longest = 0;
    const parse = (text: string) => {
      longest = Math.max(longest, text.length);
      return JSON.parse(text);
    };
    const text = `${blanks}{${blanks}"a"${blanks}:${blanks}[1${blanks},"   "]}${blanks}`;
    expect(plainJson(Buffer.from(text.replace('"a"', '"a b"')), parse)).toEqual({ 'a b': JSON.parse(text).a });
    expect(longest).toBeLessThan(8 * SLICE_BYTES);
    expect(plainJson(Buffer.from(`["${' '.repeat(200_000)}"]`), parse)).toEqual([' '.repeat(200_000)]);
    expect(() => plainJson(Buffer.from(`[1${blanks}2]`), parse)).toThrow('not valid JSON');
  });

  it('has a sliced way to see that it is UTF-8', () => {
    const text = Buffer.from(`["${'a€𝄞'.repeat(200_000)}"]`);
    expect(plainJson(text, JSON.parse)).toEqual(JSON.parse(text.toString()));
    text[2 ** 20 + 1] = 0xff;
    expect(() => plainJson(text, JSON.parse)).toThrow('not UTF-8');
  });

  it('keeps the last of fields with one name', () => {
    const text = `{"a":1,"b":${LONG},"a":2,"b":3}`;
    expect(read(text).value).toEqual({ a: 2, b: 3 });
  });

  it.each([
    ['a comma before its end', `${LONG.slice(0, -1)},]`],
    ['no comma before a list', `[1 ${LONG}]`],
    ['no comma behind a list', `[${LONG} 1]`],
    ['two commas', `[${LONG},,1]`],
    ['a comma at its beginning', `[,${LONG}]`],
    ['the bracket of an object', `${LONG.slice(0, -1)}}`],
    ['brackets that cross', `[{"a":${LONG}],1}`],
    ['no end', LONG.slice(0, -1)],
    ['no end of what is around', `{"a":[${LONG}`],
    ['something behind it', `${LONG} 1`],
    ['a bracket behind it', `${LONG}]`],
    ['a field without a name', `{${LONG}}`],
    ['a field without a colon', `{"a" ${LONG}}`],
    ['two names', `{"a":"b":${LONG}}`],
    ['a number before a list', `{"a":1${LONG}}`],
    ['a sign before a list', `{"a":-${LONG}}`],
    ['a character that no string may have', `["${'x'.repeat(70_000)}\n"]`],
    ['a wrong escape in a long string', `["${'\\n'.repeat(40_000)}\\x"]`],
    ['a long string behind a value', `{"a":1 "${'x'.repeat(70_000)}"}`],
    ['a long string that never ends', `["${'x'.repeat(70_000)}]`],
    ['a word', `{"a":${LONG},"b":nul}`],
    ['a string that never ends', `[${LONG},"abc]`],
  ])('is refused with %s, by the place of the mistake', (_, text) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(() => read(text)).toThrow(JsonMistake);
  });

  it('tells the place in the whole text', () => {
    const text = `["ä",${LONG},1 2]`;
    expect(() => read(text)).toThrow(`at position ${text.length - 2}`);
  });

  it.each([`{"a":${LONG},"__proto__":1}`, `{"__proto__":${LONG}}`, `[${LONG},{"constructor":{"prototype":1}}]`])(
    'is refused with a key that reaches a prototype',
    (text) => {
      const secure = (part: string) => {
        const value = JSON.parse(part);
        if (/"__proto__"\s*:|"constructor"\s*:\s*{\s*"prototype"/.test(part)) throw new SyntaxError('forbidden');
        return value;
      };
      expect(() => plainJson(Buffer.from(text), secure)).toThrow(/__proto__ or constructor.prototype/);
    },
  );

  it('is read, or refused, as JSON.parse does with any change of one character', () => {
    const text = JSON.stringify({ a: [NUMBERS.slice(0, 9_000), { b: NUMBERS.slice(0, 9_000) }], c: 'x' });
    const place = fc.oneof(
      fc.nat(30),
      fc.nat(30).map((k) => text.length - 1 - k),
      fc.nat(text.length - 1),
    );
    fc.assert(
      fc.property(place, fc.constantFrom('', '[', ']', '{', '}', ',', ':', '"', '\\', ' ', '1', 'e'), (at, put) => {
        const changed = text.slice(0, at) + put + text.slice(at + 1);
        let wanted: string | undefined;
        try {
          wanted = JSON.stringify(JSON.parse(changed));
        } catch {
          expect(() => read(changed)).toThrow(JsonMistake);
          return;
        }
        expect(JSON.stringify(read(changed).value)).toBe(wanted);
      }),
      { numRuns: runs(300) },
    );
  });
});
