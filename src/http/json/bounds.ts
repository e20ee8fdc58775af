import { Problem } from '../../domain/problems.ts';
import {
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  isBlank,
  MOST_TEXT,
  NEAR_BYTES,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
} from './cursor.ts';

/** Deepest nesting of arrays and objects in a body: enough for a stack of cells, not for a stack overflow. */
const MAX_DEPTH = 64;
/** Fields of all objects of a body together, as each costs some microseconds: enough for the largest network. */
export const MOST_FIELDS = 2 ** 14;
const LARGE_TENSORS = 'Send large tensors as base64 or as application/x-safetensors.';
/** Numbers of all tensors of a body. */
export const MOST_NUMBERS = 2 ** 19;
/** Strings, lists and objects of a body together, beside tensors that are plain lists of numbers. */
const MOST_PARTS = 2 ** 16;

/** A list or an object of more bytes is long; a string of more than MOST_TEXT. So many bytes are also what is looked at in one slice. */
export const SLICE_BYTES = 2 ** 15;

/** Of a string, so many are looked at in one slice, or a little more: no less than MOST_TEXT. */
const STRING_BYTES = 2 ** 17;

/** Where the long strings, lists and objects of a text begin and end: at their quotes and brackets. */
export type LongParts = ReadonlyMap<number, number>;

/** What a byte outside of strings means for the bounds. Most mean nothing. */
const MEANINGS = new Uint8Array(256);
const [OPENS, CLOSES, STRING, FIELD, VALUE] = [1, 2, 3, 4, 5];
for (const byte of [OPEN_ARRAY, OPEN_OBJECT]) MEANINGS[byte] = OPENS;
for (const byte of [CLOSE_ARRAY, CLOSE_OBJECT]) MEANINGS[byte] = CLOSES;
MEANINGS[QUOTE] = STRING;
MEANINGS[COLON] = FIELD;
MEANINGS[COMMA] = VALUE;

/**
 * Looks once at each byte of a JSON text, in slices, and returns where its long parts are. A long part that is never closed
 * ends at -1. `blanks` gets the places where SLICE_BYTES blanks begin that stand between values.
 * @throws {Problem} invalid-json, limit-exceeded
 */
export function* checkBounds(bytes: Buffer, mostFields: number, blanks: number[] = []): Generator<void, LongParts> {
  const isLong = bytes.length > SLICE_BYTES;
  const long = new Map<number, number>();
  const starts: number[] = [];
  let depth = 0;
  let fields = 0;
  let parts = 0;
  let values = 0;
  /** What `parts` was behind the last long string. */
  let longString = -1;
  /** Bytes in a row that are a number or a word, about. They would be read at once. */
  let run = 0;
  for (let i = 0; i < bytes.length; ) {
    const start = i;
    const end = Math.min(i + SLICE_BYTES, bytes.length);
    const before = parts + fields + values;
    for (i = nextMeaning(bytes, i, end); i < end; i = nextMeaning(bytes, i + 1, end)) {
      const meaning = MEANINGS[bytes[i]];
      if (meaning === VALUE) {
        values++;
        continue;
      }
      if (meaning === STRING) {
        parts++;
        const quote = i;
        i = endOfString(bytes, i + 1, STRING_BYTES);
        if (i - quote > MOST_TEXT) {
          for (; i < bytes.length && bytes[i] !== QUOTE; i = endOfString(bytes, i, STRING_BYTES)) yield;
          long.set(quote, i < bytes.length ? i : -1);
          longString = parts;
        }
      } else if (meaning === OPENS) {
        parts++;
        if (++depth > MAX_DEPTH)
          throw new Problem('invalid-json', `The body is nested more than ${MAX_DEPTH} levels deep.`);
        if (isLong) starts[depth] = i;
      } else if (meaning === CLOSES) {
        if (isLong && i - starts[depth] > SLICE_BYTES) long.set(starts[depth], i);
        depth--;
      } else if (++fields > mostFields) {
        throw tooMany(`${mostFields} fields in all its objects. Send less at once.`);
      } else if (parts === longString) {
        throw tooMany(`${MOST_TEXT} bytes in the name of a field.`);
      }
      // The name of a field is a string.
      if (parts > MOST_PARTS + mostFields) throw tooMany(`${MOST_PARTS} strings, lists and objects. ${LARGE_TENSORS}`);
    }
    if (parts + fields + values > before) run = 0;
    else if (end - start === SLICE_BYTES && isAllBlank(bytes, start, end)) blanks.push(start);
    else run += end - start;
    if (run > MOST_TEXT) throw tooMany(`${MOST_TEXT} digits in a number.`);
    if (values > MOST_NUMBERS) throw tooMany(`${MOST_NUMBERS} values. ${LARGE_TENSORS}`);
    if (i < bytes.length) yield;
  }
  if (isLong) for (let open = depth; open > 0; open--) long.set(starts[open], -1);
  return long;
}

/** Where the next byte stands that means something. A loop of its own is faster than one in a generator. */
function nextMeaning(bytes: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && MEANINGS[bytes[at]] === 0) at++;
  return at;
}

function isAllBlank(bytes: Buffer, from: number, to: number): boolean {
  let at = from;
  while (at < to && isBlank(bytes[at])) at++;
  return at === to;
}

/** Without so many blanks at each of these places. */
export function withoutBlanks(bytes: Buffer, places: readonly number[]): Buffer {
  const ends = [...places, bytes.length];
  return Buffer.concat(ends.map((end, k) => bytes.subarray(k === 0 ? 0 : places[k - 1] + SLICE_BYTES, end)));
}

/**
 * Where the string ends whose text goes on at `start`: the place of its quote, or the length of all if it has none. Of a string
 * with more than `most` bytes it may be a place to go on from, which has no quote.
 */
export function endOfString(bytes: Buffer, start: number, most = bytes.length): number {
  let quote = -1;
  for (let i = start; i < bytes.length; ) {
    const near = Math.min(i + NEAR_BYTES, bytes.length);
    for (; i < near; i++) {
      if (bytes[i] === QUOTE) return i;
      if (bytes[i] === BACKSLASH) i++;
    }
    if (i - start > most) return Math.min(i, bytes.length);
    if (quote < i) quote = bytes.indexOf(QUOTE, i);
    if (quote < 0) break;
    const backslash = bytes.subarray(i, quote).indexOf(BACKSLASH);
    if (backslash < 0) return quote;
    i += backslash + 2;
  }
  return bytes.length;
}

function tooMany(what: string): Problem {
  return new Problem('limit-exceeded', `The body has more than ${what}`);
}
