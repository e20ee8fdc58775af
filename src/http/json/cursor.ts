export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_ARRAY = 0x5b;
export const CLOSE_ARRAY = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
export const SPACE = 0x20;
export const BACKSLASH = 0x5c;
export const SMALL_U = 0x75;
const TILDE = 0x7e;
const ZERO = 0x30;

/** Digits of numbers that are all exact. */
const MOST_DIGITS = 15;
/** Far less than the allowed nesting of a body, so that the plain way decides about the limit. */
const MAX_DEPTH = 32;
/** Bytes of one name, string or other value, and of blanks in a row. */
export const MOST_TEXT = 2 ** 16;
/** Strings are mostly shorter. Node finds the end of a longer one, which is faster. */
export const NEAR_BYTES = 64;
const UNUSUAL = /[^ -[\]-~]/;

/** Names that most bodies have: they are found faster than made from bytes. */
const FREQUENT = ['inputs', 'session', 'id', 'states', 'key', 'steps'];

export function isBlank(byte: number): boolean {
  return byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** The JSON is unusual: it is read in the plain way. */
export class Unusual extends Error {}

/** A place in JSON that reads simple values and skips others. Each reading method moves `at` behind what it has read. */
export class JsonCursor {
  protected readonly bytes: Buffer;
  protected at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** One that has an escape, is not ASCII or could reach a prototype is unusual. */
  protected name(): string {
    const { bytes } = this;
    if (bytes[this.at] !== QUOTE) throw new Unusual();
    const start = ++this.at;
    const most = start + MOST_TEXT;
    for (let byte = bytes[start]; byte !== QUOTE; byte = bytes[++this.at]) {
      if (byte === undefined || byte < SPACE || byte > TILDE || byte === BACKSLASH) throw new Unusual();
      if (this.at > most) throw new Unusual();
    }
    const name = this.frequentName(start) ?? bytes.toString('latin1', start, this.at);
    if (name === '__proto__' || name === 'constructor') throw new Unusual();
    this.at++;
    this.skipBlanks();
    return name;
  }

  /** The name from `start` to here. */
  private frequentName(start: number): string | undefined {
    const length = this.at - start;
    for (const name of FREQUENT) {
      if (name.length !== length) continue;
      let i = 0;
      while (i < length && this.bytes[start + i] === name.charCodeAt(i)) i++;
      if (i === length) return name;
    }
    return undefined;
  }

  /** A string of ASCII without escapes, such as an id; undefined for any other string. */
  protected plainString(): string | undefined {
    const { bytes } = this;
    const start = this.at + 1;
    const near = start + NEAR_BYTES;
    let end = start;
    for (let byte = bytes[end]; byte !== QUOTE && end < near; byte = bytes[++end]) {
      if (byte === undefined || byte < SPACE || byte > TILDE || byte === BACKSLASH) return undefined;
    }
    if (end === near) {
      // Node looks through a long one in far less time.
      end = bytes.indexOf(QUOTE, near);
      if (end < 0 || end - start > MOST_TEXT || UNUSUAL.test(bytes.toString('latin1', near, end))) return undefined;
    }
    this.at = end + 1;
    return bytes.toString('latin1', start, end);
  }

  /** A whole number of a few digits, such as a version; undefined for any other value. */
  protected wholeNumber(): number | undefined {
    const { bytes, at: start } = this;
    let end = start;
    let number = 0;
    for (let digit = bytes[end] - ZERO; digit >= 0 && digit <= 9; digit = bytes[++end] - ZERO) {
      number = number * 10 + digit;
    }
    const digits = end - start;
    if (digits === 0 || digits > MOST_DIGITS || (digits > 1 && bytes[start] === ZERO)) return undefined;
    const next = bytes[end];
    if (next !== COMMA && next !== CLOSE_OBJECT && next !== CLOSE_ARRAY) return undefined;
    this.at = end;
    return number;
  }

  protected skipValue(): void {
    let depth = 0;
    const most = this.at + MOST_TEXT;
    do {
      const byte = this.bytes[this.at];
      if (byte === undefined || depth > MAX_DEPTH || this.at > most) throw new Unusual();
      if (byte === QUOTE) this.skipString();
      else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
        depth++;
        this.at++;
      } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
        depth--;
        this.at++;
      } else if (depth > 0) this.at++;
      else this.skipWord();
    } while (depth > 0);
  }

  /** A number, true, false or null. */
  private skipWord(): void {
    const most = this.at + MOST_TEXT;
    for (; this.at <= most; this.at++) {
      const byte = this.bytes[this.at];
      if (byte === undefined || byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT || byte <= 0x20) return;
    }
  }

  private skipString(): void {
    if (this.bytes[this.at] !== QUOTE) throw new Unusual();
    const most = Math.min(this.at + MOST_TEXT, this.bytes.length - 1);
    for (this.at++; this.bytes[this.at] !== QUOTE; this.at++) {
      if (this.at > most) throw new Unusual();
      if (this.bytes[this.at] === BACKSLASH) this.at++;
    }
    this.at++;
  }

  protected skipBlanks(): void {
    for (let left = MOST_TEXT; ; left--, this.at++) {
      const byte = this.bytes[this.at];
      if (!isBlank(byte)) return;
      if (left === 0) throw new Unusual();
    }
  }

  /** The byte, and the blanks after it. */
  protected take(byte: number): void {
    if (!this.takeIf(byte)) throw new Unusual();
  }

  protected takeIf(byte: number): boolean {
    if (this.bytes[this.at] !== byte) return false;
    this.at++;
    this.skipBlanks();
    return true;
  }
}
