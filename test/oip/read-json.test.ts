import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonSlices, readJson } from '../../src/oip/read-json.ts';

const read = (text: string) => readJson(Buffer.from(text));

describe('readJson', () => {
  it('reads bare names of what is not finite as strings, and leaves strings alone', () => {
    const text = '{"NaN":[NaN,-Infinity , Infinity],"a\\"NaN":"-Infinity \\\\"}';
    expect(read(text)).toEqual({ NaN: ['NaN', '-Infinity', 'Infinity'], 'a"NaN': '-Infinity \\' });
  });

  it('keeps whole numbers past 2^53 exactly, and other numbers as they are', () => {
    const text =
      '[18446744073709551615,-9007199254740993,9007199254740991,0.10000000149011612,1e300,12345678901234567.0]';
    expect(read(text)).toEqual([
      18446744073709551615n,
      -9007199254740993n,
      9007199254740991,
      0.10000000149011612,
      1e300,
      12345678901234568,
    ]);
  });

  it.each(['{', '[-NaN]', '[NaNs]', '"NaN', '[1,]', '', '[Infinity'])('refuses %s', (text) => {
    expect(() => read(text)).toThrow('The body is not valid JSON');
  });

  it('reads what JSON.stringify writes as JSON.parse does', () => {
    const words = fc.constantFrom('NaN', 'Infinity', '-Infinity', '"NaN"', '\\', '\\"');
    const value = fc.oneof(fc.jsonValue(), fc.array(words), fc.dictionary(words, words));
    fc.assert(
      fc.property(value, (json) => {
        const text = JSON.stringify(json);
        const plain = JSON.parse(text, (_key, one) =>
          typeof one === 'number' && Number.isInteger(one) && !Number.isSafeInteger(one) ? 'long' : one,
        );
        const exact = JSON.parse(text, (_key, one) => one);
        const got = read(text);
        // Long integers alone differ.
        if (JSON.stringify(plain).includes('"long"')) return;
        expect(got).toEqual(exact);
      }),
      { numRuns: 300 },
    );
  });

  it('takes time in proportion to a body of quotes without an end', () => {
    expect(() => read(`[NaN,${'"\\'.repeat(500_000)}`)).toThrow('not valid JSON');
  });
});

describe('a long JSON part', () => {
  it('is read in slices, to the same values', () => {
    const data = Array.from({ length: 40_000 }, (_, k) => (k % 1000 === 0 ? 'NaN' : `${k}.5`));
    const text = `{"inputs":[{"name":"x","data":[${data.join(',')},9007199254740993]}]}`;
    const reading = jsonSlices(Buffer.from(text));
    let slices = 0;
    let step = reading.next();
    for (; !step.done; step = reading.next()) slices++;
    expect(slices).toBeGreaterThan(text.length / 2 ** 16);
    const { inputs } = step.value as { inputs: { data: unknown[] }[] };
    const read = data.map((one) => (one === 'NaN' ? one : Number(one)));
    expect(inputs[0].data).toEqual([...read, 9007199254740993n]);
  });
});
