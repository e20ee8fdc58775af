import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { isJsonObject, quote } from '../../src/domain/json.ts';

describe('a quotation in a message', () => {
  it.each([
    ['text', '"text"'],
    [null, 'null'],
    [1.5, '1.5'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [Number.NaN, 'NaN'],
    [2n ** 64n, '18446744073709551616'],
    [undefined, 'undefined'],
    [{ a: [1, 'b'] }, '{"a":[1,"b"]}'],
    ['\u0000\n\u001b', '"\\u0000\\n\\u001b"'],
  ])('of %s is %s', (value, text) => {
    expect(quote(value)).toBe(text);
  });

  it('is short, whatever was sent', () => {
    expect(quote('x'.repeat(1e6))).toBe(`"${'x'.repeat(76)}...`);
    fc.assert(fc.property(fc.jsonValue(), (value) => quote(value).length <= 80));
  });

  it('looks at the beginning only, whatever the fields are called', () => {
    const last = vi.fn(() => 1);
    const list = Object.defineProperty(
      Array.from({ length: 1_000 }, () => 0),
      999,
      { get: last },
    );
    for (const name of ['list', 'toJSON', 'toString', '__proto__']) quote({ [name]: 1, list });
    expect(last).not.toHaveBeenCalled();
  });

  it('tells objects from lists and null', () => {
    expect([{}, { a: 1 }].every(isJsonObject)).toBe(true);
    expect([null, [], 'a', 1, undefined].some(isJsonObject)).toBe(false);
  });
});
