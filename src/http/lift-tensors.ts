import { isUtf8 } from 'node:buffer';
import { NestedNumbers } from '../../schemas/nested-numbers.ts';
import type { TensorFields } from '../../schemas/tensor-fields.ts';
import { parseTensor } from '../../schemas/tensor-syntax.ts';
import { SentTensor } from '../domain/tensor-literal.ts';
import { codecFor, type ReadArray } from './number-codec.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const NEWLINE = 0x0a;
const SPACE = 0x20;
const TILDE = 0x7e;
const ZERO = 0x30;
/** Digits of numbers that are all exact. */
const MOST_DIGITS = 15;

/** Far less than the allowed nesting of a body, so that the plain way decides about the limit. */
const MAX_DEPTH = 32;
/** A body with more values besides its tensors is read faster in the plain way. */
const MOST_VALUES = 256;

/** Values of a body, objects and tensors included. The plain way refuses more. */
const MOST_PARTS = 2 ** 16;
/** Bytes of one value beside tensors that are parsed here, and of all of them. */
const MOST_TEXT = 2 ** 16;
const MOST_TEXTS = 2 ** 20;
/** Strings are mostly shorter. */
const NEAR_BYTES = 64;
const UNUSUAL = /[^ -[\]-~]/;
/** Numbers of all tensors of a body. */
export const MOST_NUMBERS = 2 ** 19;

/** Names that most bodies have: they are found faster than made from bytes. */
const FREQUENT = ['inputs', 'session', 'id', 'states', 'key', 'steps'];

/** The body is unusual: it is read in the plain way. */
class Unusual extends Error {}

/**
 * A JSON body whose tensors are read straight from its bytes: each array of numbers in a field of `fields` becomes a
 * NestedNumbers, what is base64 a SentTensor, and `parse` reads every other value from its text. undefined if that is not faster, or if the body is
 * unusual, wrong, or has more than `mostNames` names. Then read it in the plain way.
 */
export function liftTensors(
  bytes: Buffer,
  fields: TensorFields,
  parse: (text: string) => unknown,
  mostNames = Number.POSITIVE_INFINITY,
): unknown {
  return lift(bytes, fields, parse, codecFor(bytes.length).reader(bytes), mostNames);
}

/** The same of each line of a text, with its number of bytes. The text ends with a newline; lines of blanks alone are left out. */
export function liftLines(
  bytes: Buffer,
  fields: TensorFields,
  parse: (text: string) => unknown,
): { readonly line: Buffer; readonly lifted: unknown }[] {
  const read = codecFor(bytes.length).reader(bytes);
  const lines: { line: Buffer; lifted: unknown }[] = [];
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    const from = start;
    const line = bytes.subarray(from, end);
    start = end + 1;
    if (isBlank(line)) continue;
    const readHere = (at: number) => {
      const array = read(from + at);
      return array && { shape: array.shape, values: array.values, end: array.end - from };
    };
    lines.push({ line, lifted: lift(line, fields, parse, readHere) });
  }
  return lines;
}

function isBlank(line: Buffer): boolean {
  let at = 0;
  while (line[at] === SPACE || line[at] === 0x09 || line[at] === 0x0d) at++;
  return at === line.length;
}

function lift(
  bytes: Buffer,
  fields: TensorFields,
  parse: (text: string) => unknown,
  read: ReadAt,
  mostNames = Number.POSITIVE_INFINITY,
): unknown {
  try {
    return new BodyReader(bytes, fields, parse, read, mostNames).run();
  } catch {
    // The plain way finds the error again and reports it.
    return undefined;
  }
}

type ReadAt = (start: number) => ReadArray | undefined;

/** One pass over the body that looks only into its tensors. Each reading method moves `at` behind what it has read. */
class BodyReader {
  private readonly bytes: Buffer;
  private readonly fields: TensorFields;
  private readonly parse: (text: string) => unknown;
  private readonly read: ReadAt;
  private readonly mostNames: number;
  private names = 0;
  private lifted = 0;
  private parts = 0;
  private numbers = 0;
  private parsed = 0;
  private text = 0;
  private at = 0;

  constructor(bytes: Buffer, fields: TensorFields, parse: (text: string) => unknown, read: ReadAt, mostNames: number) {
    this.mostNames = mostNames;
    this.bytes = bytes;
    this.fields = fields;
    this.parse = parse;
    this.read = read;
  }

  /** @throws {Unusual} */
  run(): Record<string, unknown> | undefined {
    this.skipBlanks();
    const body = this.object((name) => this.field(name));
    if (this.at < this.bytes.length) throw new Unusual();
    return this.lifted > 0 ? body : undefined;
  }

  private field(name: string, fields = this.fields): unknown {
    const kind = fields.get(name);
    if (typeof kind === 'object') return this.objects(kind);
    switch (kind) {
      case 'tensor':
        return this.tensor();
      case 'states':
        return this.lift() ?? this.list();
      case 'list':
        return this.list();
      case 'map':
        return this.bytes[this.at] === OPEN_OBJECT ? this.object(() => this.tensor()) : this.value();
      default:
        return this.value();
    }
  }

  private object(value: (name: string) => unknown): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.take(OPEN_OBJECT);
    if (this.takeIf(CLOSE_OBJECT)) return object;
    do {
      const name = this.name();
      if (Object.hasOwn(object, name)) throw new Unusual();
      this.take(COLON);
      object[name] = value(name);
      this.skipBlanks();
    } while (this.takeIf(COMMA));
    this.take(CLOSE_OBJECT);
    return object;
  }

  /** One that has an escape, is not ASCII or could reach a prototype is unusual. */
  private name(): string {
    const { bytes } = this;
    if (bytes[this.at] !== QUOTE || ++this.names > this.mostNames) throw new Unusual();
    const start = ++this.at;
    for (let byte = bytes[start]; byte !== QUOTE; byte = bytes[++this.at]) {
      if (byte === undefined || byte < SPACE || byte > TILDE || byte === BACKSLASH) throw new Unusual();
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

  /** A field that holds tensors, or states, in a list. */
  private list(): unknown {
    if (!this.takeIf(OPEN_ARRAY)) return this.tensor();
    const list: unknown[] = [];
    if (this.takeIf(CLOSE_ARRAY)) return list;
    do {
      list.push(this.tensor());
      this.skipBlanks();
    } while (this.takeIf(COMMA));
    this.take(CLOSE_ARRAY);
    return list;
  }

  /** A list of objects that have tensors among their own fields. */
  private objects(fields: TensorFields): unknown {
    if (this.bytes[this.at] !== OPEN_ARRAY) return this.value();
    this.take(OPEN_ARRAY);
    const list: unknown[] = [];
    if (this.takeIf(CLOSE_ARRAY)) return list;
    do {
      if (++this.parts > MOST_PARTS) throw new Unusual();
      list.push(this.bytes[this.at] === OPEN_OBJECT ? this.object((name) => this.field(name, fields)) : this.value());
      this.skipBlanks();
    } while (this.takeIf(COMMA));
    this.take(CLOSE_ARRAY);
    return list;
  }

  /** A tensor in any of its forms; the data of a flat one is lifted too. */
  private tensor(): unknown {
    if (++this.parts > MOST_PARTS) throw new Unusual();
    const lifted = this.lift();
    if (lifted) return lifted;
    if (this.bytes[this.at] !== OPEN_OBJECT) return this.value();
    const object = this.object(
      (key) => (key === 'data' ? this.lift() : key === 'base64' ? this.base64() : undefined) ?? this.value(),
    );
    if (object.base64 === undefined) return object;
    this.lifted++;
    const sent = parseTensor(object);
    if (sent instanceof SentTensor) return sent;
    if (object.base64 instanceof Buffer) object.base64 = object.base64.toString('latin1');
    return object;
  }

  /** The bytes up to the next quote. What is not base64 is refused when it is read as such. */
  private base64(): Buffer | undefined {
    const { bytes } = this;
    const start = this.at + 1;
    const end = bytes.indexOf(QUOTE, start);
    if (bytes[this.at] !== QUOTE || end < 0) return undefined;
    this.at = end + 1;
    return bytes.subarray(start, end);
  }

  private lift(): NestedNumbers | undefined {
    const array = this.bytes[this.at] === OPEN_ARRAY ? this.read(this.at) : undefined;
    if (!array) return undefined;
    this.lifted++;
    this.numbers += array.values.length;
    // The plain way counts them too, and refuses the body.
    if (this.numbers > MOST_NUMBERS) throw new Unusual();
    this.at = array.end;
    return new NestedNumbers(array.shape, array.values);
  }

  private value(): unknown {
    const plain = this.bytes[this.at] === QUOTE ? this.plainString() : this.wholeNumber();
    if (plain !== undefined) return plain;
    if (this.parsed++ === MOST_VALUES) throw new Unusual();
    const start = this.at;
    this.skipValue();
    const text = this.bytes.subarray(start, this.at);
    // The plain way bounds what it parses.
    this.text += text.length;
    if (text.length > MOST_TEXT || this.text > MOST_TEXTS) throw new Unusual();
    if (!isUtf8(text)) throw new Unusual();
    return this.parse(text.toString('utf8'));
  }

  /** A string of ASCII without escapes, such as an id; undefined for any other string. */
  private plainString(): string | undefined {
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
      if (end < 0 || UNUSUAL.test(bytes.toString('latin1', near, end))) return undefined;
    }
    this.at = end + 1;
    return bytes.toString('latin1', start, end);
  }

  /** A whole number of a few digits, such as a version; undefined for any other value. */
  private wholeNumber(): number | undefined {
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

  private skipValue(): void {
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
    for (; ; this.at++) {
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

  private skipBlanks(): void {
    for (; ; this.at++) {
      const byte = this.bytes[this.at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
    }
  }

  /** The byte, and the blanks after it. */
  private take(byte: number): void {
    if (!this.takeIf(byte)) throw new Unusual();
  }

  private takeIf(byte: number): boolean {
    if (this.bytes[this.at] !== byte) return false;
    this.at++;
    this.skipBlanks();
    return true;
  }
}
