import { plainSlices } from '../http/bodies/json-body.ts';
import { atOnce } from '../threads/in-turns.ts';

/** Found faster than a whole number past 2^53, and seldom there. */
const LONG_NUMBER = /\d{16}/;
/** A whole number that may be past 2^53 and is not part of a longer number. */
const LONG_INTEGER = /(?<![\d.eE+])\d{16,}(?![\d.eE])/;

/**
 * Reads JSON as clients of inference servers write it. Bare NaN, Infinity and -Infinity become strings of the same name, and
 * a whole number past 2^53 becomes a bigint. In slices.
 * @throws {Problem} invalid-json
 */
export function jsonSlices(bytes: Buffer): Generator<void, unknown> {
  return plainSlices(bytes, parse);
}

/** The same at once. */
export function readJson(bytes: Buffer): unknown {
  return atOnce(jsonSlices(bytes));
}

function parse(text: string): unknown {
  const exact = LONG_NUMBER.test(text) && LONG_INTEGER.test(text) ? exactInteger : undefined;
  const mayBeOdd = text.includes('NaN') || text.includes('Infinity');
  return JSON.parse(mayBeOdd ? quoteNonFinite(text) : text, exact);
}

function exactInteger(_key: string, value: unknown, { source = '' }: { source?: string } = {}): unknown {
  const lost = typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source);
  return lost ? BigInt(source) : value;
}

const NAMES = ['NaN', 'Infinity', '-Infinity'];

/** Puts quotes around names that are outside of strings, in one pass. A regular expression would start again at each quote. */
function quoteNonFinite(text: string): string {
  const parts: string[] = [];
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') {
      i = endOfString(text, i);
      continue;
    }
    const name = NAMES.find((one) => one[0] === text[i] && text.startsWith(one, i));
    if (!name) continue;
    parts.push(text.slice(from, i), `"${name}"`);
    from = i + name.length;
    i = from - 1;
  }
  return parts.join('') + text.slice(from);
}

function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i;
}
