/** A place in a JSON body: keys and indices from the top. */
export type Path = readonly (string | number)[];

/** Stands for JSON text that JSON.stringify does not write. */
class Raw {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const MEGABYTE = 'x'.repeat(2 ** 20);

/** What is put in the place of a value, by name. */
export const VALUES: Readonly<Record<string, unknown>> = {
  null: null,
  true: true,
  zero: 0,
  'minus one': -1,
  half: 1.5,
  '2^31': 2 ** 31,
  '2^53 + 1': new Raw('9007199254740993'),
  '1e39': 1e39,
  '1e400': new Raw('1e400'),
  '-0': new Raw('-0'),
  'empty string': '',
  string: 'x',
  'a digit as a string': '1',
  '"NaN"': 'NaN',
  '"nan"': 'nan',
  '"__proto__"': '__proto__',
  '"constructor"': 'constructor',
  'control characters': '\u0000\u001b[31m\r\n',
  'a lone surrogate': new Raw('"\\ud800"'),
  'a megabyte': MEGABYTE,
  'empty list': [],
  'empty object': {},
  'list of null': [null],
  'list of empty lists': [[], []],
  ragged: [[1], [2, 3]],
  'object with a field': { a: 1 },
  'nine axes': [[[[[[[[[1]]]]]]]]],
  'deep nesting': new Raw(`${'['.repeat(10_000)}${']'.repeat(10_000)}`),
  'deep objects': new Raw(`${'{"a":'.repeat(60)}1${'}'.repeat(60)}`),
  '__proto__ as a key': new Raw('{"__proto__":{"polluted":1}}'),
  'constructor as a key': new Raw('{"constructor":{"prototype":{"polluted":1}}}'),
  'a plain constructor': { constructor: 1, toString: 1, hasOwnProperty: 1 },
  'a long list': Array.from({ length: 100_000 }, () => 1),
  'a huge shape': { shape: [1_000_000_000, 0], data: [] },
  'an overflowing shape': { shape: [2_147_483_647, 2_147_483_647], data: [] },
  'a hidden overflow': { shape: [2_147_483_647, 2_147_483_647, 0], data: [] },
  'a huge list of numbers': [2_147_483_647, 2_147_483_647],
  'short base64': { shape: [2], dtype: 'float32', base64: 'AAAA' },
  'another variable': { variable: 'none' },
};

/** JSON text of a body with raw parts in it. */
export function textOf(body: unknown): string {
  const raws: string[] = [];
  const text = JSON.stringify(body, (_, value: unknown) => {
    if (!(value instanceof Raw)) return value;
    raws.push(value.text);
    return `@raw${raws.length - 1}@`;
  });
  return text.replaceAll(/"@raw(\d+)@"/g, (_, index: string) => raws[Number(index)]);
}

/** Every place in a body, the body itself first. Lists are visited at their first element only. */
export function* placesOf(body: unknown, path: Path = []): Generator<Path> {
  yield path;
  if (typeof body !== 'object' || body === null) return;
  const children = Array.isArray(body) ? body.slice(0, 1).map((value, i) => [i, value] as const) : Object.entries(body);
  for (const [key, value] of children) yield* placesOf(value, [...path, key]);
}

export function at(body: unknown, path: Path): unknown {
  return path.reduce((value: unknown, key) => (value as Record<string | number, unknown>)[key], body);
}

/** The body with another value in a place; without it where the value is undefined. */
export function withValue(body: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  const copy: Record<string | number, unknown> | unknown[] = Array.isArray(body) ? [...body] : { ...(body as object) };
  const inside = rest.length === 0 ? value : withValue((copy as Record<string, unknown>)[key], rest, value);
  if (inside === undefined && Array.isArray(copy)) copy.splice(Number(key), 1);
  else if (inside === undefined) delete (copy as Record<string, unknown>)[key];
  else (copy as Record<string | number, unknown>)[key] = inside;
  return copy;
}

export function pointerOf(path: Path): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
