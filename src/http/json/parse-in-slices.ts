import { endOfString, type LongParts, SLICE_BYTES } from './bounds.ts';
import {
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COMMA,
  isBlank,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  SMALL_U,
} from './cursor.ts';

/** Names take longer than other values: so many go in one slice. */
const MOST_NAMES = 512;

/** Some members of a list or an object, from where they were looked for. */
interface Members {
  /** Where those end that are read at once; undefined where there are none before `child`. */
  readonly to: number | undefined;
  /** The quote or bracket that begins a long string, list or object. */
  readonly child: number | undefined;
  /** Where the text before `child` begins that belongs to it: its name in an object. */
  readonly label: number;
}

/** A mistake in JSON text, with its place in all of the text. */
export class JsonMistake extends SyntaxError {}

/**
 * Reads JSON text in slices of some 32 KiB, as `parse` reads it whole: long strings, lists and objects are put together from
 * parts of them. `long` is what checkBounds has found.
 * @throws {JsonMistake} and what `parse` throws for text that JSON.parse takes
 */
export function parseInSlices(
  bytes: Buffer,
  long: LongParts,
  parse: (text: string) => unknown,
): Generator<void, unknown> {
  return new SlicedJson(bytes, long, parse).run();
}

class SlicedJson {
  private readonly bytes: Buffer;
  private readonly long: LongParts;
  private readonly parse: (text: string) => unknown;

  constructor(bytes: Buffer, long: LongParts, parse: (text: string) => unknown) {
    this.bytes = bytes;
    this.long = long;
    this.parse = parse;
  }

  *run(): Generator<void, unknown> {
    const start = this.afterBlanks(0);
    const end = this.long.get(start);
    // Something short, with blanks or a mistake around it.
    if (end === undefined) return this.read('', 0, this.bytes.length, '');
    const value = yield* this.longPart(start);
    const after = this.afterBlanks(end + 1);
    if (after < this.bytes.length) throw this.unexpected(after);
    return value;
  }

  private longPart(start: number): Generator<void, unknown> {
    const end = this.long.get(start) ?? -1;
    if (end < 0) throw this.unexpected(this.bytes.length);
    if (this.bytes[start] === QUOTE) return this.string(start + 1, end);
    const isArray = this.bytes[start] === OPEN_ARRAY;
    if (this.bytes[end] !== (isArray ? CLOSE_ARRAY : CLOSE_OBJECT)) throw this.unexpected(end);
    return isArray ? this.array(start + 1, end) : this.object(start + 1, end);
  }

  private *string(start: number, end: number): Generator<void, string> {
    let text = '';
    for (let from = start; from < end; yield) {
      const to = from + SLICE_BYTES < end ? this.characterBefore(from + SLICE_BYTES, from) : end;
      text += this.read('"', from, to, '"');
      from = to;
    }
    return text;
  }

  /** Where a character of a string begins: there, or a few bytes before. Another begins at `from`. */
  private characterBefore(place: number, from: number): number {
    const { bytes } = this;
    let at = place;
    while ((bytes[at] & 0xc0) === 0x80) at--;
    // An escape that may reach over this place: a backslash, u and four digits.
    const last = bytes.subarray(at - 5, at).lastIndexOf(BACKSLASH);
    if (last < 0) return at;
    const start = at - 5 + last;
    let backslashes = 1;
    while (start - backslashes >= from && bytes[start - backslashes] === BACKSLASH) backslashes++;
    const length = bytes[start + 1] === SMALL_U ? 6 : 2;
    return backslashes % 2 === 1 && start + length > at ? start : at;
  }

  private *array(start: number, end: number): Generator<void, unknown> {
    const list: unknown[] = [];
    for (let from = start; from >= 0; ) {
      const { to, child, label } = this.next(from, end);
      if (to !== undefined) {
        this.requireMembers(from, to, start, end);
        for (const item of this.read('[', from, to, ']') as unknown[]) list.push(item);
        from = to < end ? to + 1 : -1;
      }
      yield;
      if (child === undefined) continue;
      if (this.afterBlanks(label) !== child) throw this.unexpected(this.afterBlanks(label));
      list.push(yield* this.longPart(child));
      from = this.afterChild(child, end);
    }
    return list;
  }

  private *object(start: number, end: number): Generator<void, unknown> {
    const object: Record<string, unknown> = {};
    for (let from = start; from >= 0; ) {
      const { to, child, label } = this.next(from, end, MOST_NAMES);
      if (to !== undefined) {
        this.requireMembers(from, to, start, end);
        Object.assign(object, this.read('{', from, to, '}'));
        from = to < end ? to + 1 : -1;
      }
      yield;
      if (child === undefined) continue;
      // `parse` refuses a name that could reach a prototype by itself, or by what is under it.
      const [name] = Object.keys(this.read('{', label, child, '{}}') as object);
      const value = yield* this.longPart(child);
      this.parse(`{${JSON.stringify(name)}:${hasPrototype(value) ? '{"prototype":0}' : 0}}`);
      object[name] = value;
      from = this.afterChild(child, end);
    }
    return object;
  }

  /** The members from there on that are read in one slice, up to a comma, the end, or a long member. */
  private next(from: number, end: number, most = Number.POSITIVE_INFINITY): Members {
    const { bytes } = this;
    let members = 0;
    let comma = -1;
    let depth = 0;
    for (let i = from; i < end; i++) {
      const byte = bytes[i];
      if (byte === QUOTE || byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
        if (depth === 0 && this.long.has(i)) {
          return { to: comma < 0 ? undefined : comma, child: i, label: comma < 0 ? from : comma + 1 };
        }
        if (byte === QUOTE) i = endOfString(bytes, i + 1);
        else depth++;
      } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth--;
      else if (byte === COMMA && depth === 0) {
        comma = i;
        if (i - from >= SLICE_BYTES || ++members === most) return { to: i, child: undefined, label: i };
      }
    }
    return { to: end, child: undefined, label: end };
  }

  /** Where the next member begins; -1 at the end. */
  private afterChild(child: number, end: number): number {
    const after = this.afterBlanks((this.long.get(child) ?? 0) + 1);
    if (after === end) return -1;
    if (this.bytes[after] !== COMMA) throw this.unexpected(after);
    return after + 1;
  }

  /** Only what is empty as a whole has no member between its brackets. */
  private requireMembers(from: number, to: number, start: number, end: number): void {
    const isWhole = from === start && to === end;
    if (!isWhole && this.afterBlanks(from) >= to) throw this.unexpected(to);
  }

  /** Parses a part of the text, with what makes it whole. */
  private read(before: string, from: number, to: number, after: string): unknown {
    const text = before + this.bytes.toString('utf8', from, to) + after;
    try {
      return this.parse(text);
    } catch (error) {
      const start = this.bytes.toString('utf8', 0, from).length - before.length;
      throw mistakeIn(text, start) ?? error;
    }
  }

  private unexpected(at: number): JsonMistake {
    if (at >= this.bytes.length) return new JsonMistake('Unexpected end of JSON input');
    const place = this.bytes.toString('utf8', 0, at).length;
    const [character] = this.bytes.toString('utf8', at, at + 4);
    return new JsonMistake(`Unexpected token ${JSON.stringify(character)} in JSON at position ${place}`);
  }

  private afterBlanks(from: number): number {
    let at = from;
    while (at < this.bytes.length && isBlank(this.bytes[at])) at++;
    return at;
  }
}

/** The mistake in a text, or in a part of one that begins at `start`; undefined if there is none. */
export function mistakeIn(part: string, start = 0): JsonMistake | undefined {
  try {
    JSON.parse(part);
    return undefined;
  } catch (cause) {
    const inAll = (_: string, place: string) => `at position ${start + Number(place)}`;
    const message = (cause as Error).message.replace(/at position (\d+)( \(line \d+ column \d+\))?/, inAll);
    return new JsonMistake(message, { cause });
  }
}

/** With the name `constructor` before it, that reaches a prototype. */
function hasPrototype(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype');
}
