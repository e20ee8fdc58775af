import { isUtf8 } from 'node:buffer';
import { NestedNumbers } from '../../schemas/nested-numbers.ts';
import type { TensorFields } from '../../schemas/tensor-fields.ts';
import { parseTensor } from '../../schemas/tensor-syntax.ts';
import { SentTensor } from '../domain/tensor-literal.ts';
import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  JsonCursor,
  MOST_TEXT,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  SPACE,
  Unusual,
} from './json-cursor.ts';
import { LongArrays } from './long-arrays.ts';
import { codecFor, type ReadArray } from './number-codec.ts';

const NEWLINE = 0x0a;
/** A body with more values besides its tensors is read faster in the plain way. */
const MOST_VALUES = 256;
/** Values of a body, objects and tensors included. The plain way refuses more. */
const MOST_PARTS = 2 ** 16;
/** Bytes of all values beside tensors that are parsed here. */
const MOST_TEXTS = 2 ** 18;
/** Numbers of all tensors of a body. */
export const MOST_NUMBERS = 2 ** 19;

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
  return lift(bytes, fields, parse, arraysOf(bytes), mostNames);
}

/** The same of a long body. Long arrays are read in slices. */
export function* liftLong(
  bytes: Buffer,
  fields: TensorFields,
  parse: (text: string) => unknown,
  mostNames: number,
): Generator<void, unknown> {
  const arrays = new LongArrays(bytes, MOST_NUMBERS);
  const read: ReadAt = (start) => {
    const array = arrays.at(start);
    if (arrays.isReading) throw new Unusual();
    return array;
  };
  for (;;) {
    const lifted = lift(bytes, fields, parse, read, mostNames);
    if (!arrays.isReading) return lifted;
    // Once it is read, the body is read from its start, with what is known by then.
    yield* arrays.readOn();
  }
}

/** The same of each line of a text. */
export function liftLines(
  bytes: Buffer,
  fields: TensorFields,
  parse: (text: string) => unknown,
  mostNames: number,
): { readonly line: Buffer; readonly lifted: unknown }[] {
  const read = arraysOf(bytes);
  const lines: { line: Buffer; lifted: unknown }[] = [];
  for (const line of linesOf(bytes)) {
    const from = line.byteOffset - bytes.byteOffset;
    const readHere = (at: number) => {
      const array = read(from + at);
      return array && { shape: array.shape, values: array.values, end: array.end - from };
    };
    lines.push({ line, lifted: lift(line, fields, parse, readHere, mostNames) });
  }
  return lines;
}

/** The lines of a text that ends with a newline; lines of blanks alone are left out. */
export function* linesOf(bytes: Buffer): Generator<Buffer> {
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    const line = bytes.subarray(start, end);
    start = end + 1;
    if (!isBlank(line)) yield line;
  }
}

/** Reads the arrays of a text. To get a long text ready takes milliseconds, so that is done for the first. */
function arraysOf(bytes: Buffer): ReadAt {
  let read: ReadAt | undefined;
  return (start) => {
    read ??= codecFor(bytes.length).reader(bytes);
    return read(start);
  };
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
  mostNames: number,
): unknown {
  try {
    return new BodyReader(bytes, fields, parse, read, mostNames).run();
  } catch {
    // The plain way finds the error again and reports it.
    return undefined;
  }
}

type ReadAt = (start: number) => ReadArray | undefined;

/** One pass over the body that looks only into its tensors. */
class BodyReader extends JsonCursor {
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

  constructor(bytes: Buffer, fields: TensorFields, parse: (text: string) => unknown, read: ReadAt, mostNames: number) {
    super(bytes);
    this.mostNames = mostNames;
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
      if (++this.names > this.mostNames) throw new Unusual();
      const name = this.name();
      if (Object.hasOwn(object, name)) throw new Unusual();
      this.take(COLON);
      object[name] = value(name);
      this.skipBlanks();
    } while (this.takeIf(COMMA));
    this.take(CLOSE_OBJECT);
    return object;
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
}
