import { isUtf8 } from 'node:buffer';
import { NestedNumbers } from '../../../schemas/nested-numbers.ts';
import type { TensorFieldKind, TensorFields } from '../../../schemas/tensor-fields.ts';
import { parseTensor } from '../../../schemas/tensor-syntax.ts';
import { SentTensor } from '../../domain/tensor-literal.ts';
import { MOST_NUMBERS } from '../json/bounds.ts';
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
  Unusual,
} from '../json/cursor.ts';
import type { ReadArray } from '../numbers/codec.ts';

/** A body with more values besides its tensors is read faster in the plain way. */
const MOST_VALUES = 256;
/** Values of a body, objects and tensors included. The plain way refuses more. */
const MOST_PARTS = 2 ** 16;
/** Bytes of all values beside tensors that are parsed here. */
const MOST_TEXTS = 2 ** 18;

/** The array of numbers that starts there; undefined where there is none. */
export type ReadAt = (start: number) => ReadArray | undefined;

/** One pass over the body that looks only into its tensors. */
export class BodyReader extends JsonCursor {
  protected readonly fields: TensorFields;
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
    return this.whole(this.object((name) => this.field(this.fields.get(name))));
  }

  /** The body, if nothing follows it and something in it was lifted. */
  protected whole(body: Record<string, unknown>): Record<string, unknown> | undefined {
    if (this.at < this.bytes.length) throw new Unusual();
    return this.lifted > 0 ? body : undefined;
  }

  protected field(kind: TensorFieldKind | undefined): unknown {
    if (typeof kind === 'object') return this.bytes[this.at] === OPEN_ARRAY ? this.objects(kind) : this.value();
    switch (kind) {
      case 'tensor':
        return this.tensor();
      case 'states':
        return this.lift() ?? this.tensors();
      case 'list':
        return this.tensors();
      case 'map':
        return this.bytes[this.at] === OPEN_OBJECT ? this.object(() => this.tensor()) : this.value();
      default:
        return this.value();
    }
  }

  private object(value: (name: string) => unknown): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    if (!this.opens(OPEN_OBJECT, CLOSE_OBJECT)) return object;
    do {
      const name = this.nameIn(object);
      object[name] = value(name);
    } while (this.goesOn(CLOSE_OBJECT));
    return object;
  }

  private list(item: () => unknown): unknown[] {
    const list: unknown[] = [];
    if (!this.opens(OPEN_ARRAY, CLOSE_ARRAY)) return list;
    do list.push(item());
    while (this.goesOn(CLOSE_ARRAY));
    return list;
  }

  /** A field that holds tensors, or states, in a list. */
  private tensors(): unknown {
    return this.bytes[this.at] === OPEN_ARRAY ? this.list(() => this.tensor()) : this.tensor();
  }

  /** A list of objects that have tensors among their own fields. */
  private objects(fields: TensorFields): unknown {
    const field = (name: string) => this.field(fields.get(name));
    return this.list(() => (this.isObject() ? this.object(field) : this.value()));
  }

  /** Whether an object begins here, as a part of a list. */
  protected isObject(): boolean {
    if (++this.parts > MOST_PARTS) throw new Unusual();
    return this.bytes[this.at] === OPEN_OBJECT;
  }

  /** Goes into a list or an object. Whether there is something in it. */
  protected opens(open: number, close: number): boolean {
    this.take(open);
    return !this.takeIf(close);
  }

  /** Goes on behind a member of a list or an object: to the next, or behind the end. */
  protected goesOn(close: number): boolean {
    this.skipBlanks();
    const goesOn = this.takeIf(COMMA);
    if (!goesOn) this.take(close);
    return goesOn;
  }

  /** The name of the next member of an object. */
  protected nameIn(object: Record<string, unknown>): string {
    if (++this.names > this.mostNames) throw new Unusual();
    const name = this.name();
    if (Object.hasOwn(object, name)) throw new Unusual();
    this.take(COLON);
    return name;
  }

  /** A tensor in any of its forms; the data of a flat one is lifted too. */
  protected tensor(): unknown {
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

  protected lift(): NestedNumbers | undefined {
    const array = this.bytes[this.at] === OPEN_ARRAY ? this.read(this.at) : undefined;
    if (!array) return undefined;
    this.lifted++;
    this.numbers += array.values.length;
    // The plain way counts them too, and refuses the body.
    if (this.numbers > MOST_NUMBERS) throw new Unusual();
    this.at = array.end;
    return new NestedNumbers(array.shape, array.values);
  }

  protected value(): unknown {
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
