import { NestedNumbers } from '../../schemas/nested-numbers.ts';
import type { TensorFields } from '../../schemas/tensor-fields.ts';
import { codecFor, type ReadArray } from './number-codec.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** An array of numbers that was read, and where it stands in the body. */
interface Lifted {
  readonly path: readonly (string | number)[];
  readonly start: number;
  readonly array: ReadArray;
}

/** The body is unusual: it is read in the plain way. */
class Unusual extends Error {}

/**
 * A JSON body whose tensors are read straight from its bytes: each array of numbers in a field of `fields` becomes a
 * NestedNumbers, and `parse` reads the rest, where a null stands for each of them. undefined where there is nothing to gain
 * or the body is in any way unusual, wrong ones included: then it has to be read in the plain way.
 */
export function liftTensors(bytes: Buffer, fields: TensorFields, parse: (rest: Buffer) => unknown): unknown {
  try {
    const lifted = new Lifter(bytes, fields).run();
    if (lifted.length === 0) return undefined;
    const body = parse(withoutArrays(bytes, lifted));
    for (const { path, array } of lifted) place(body, path, new NestedNumbers(array.shape, array.values));
    return body;
  } catch {
    // Whatever is wrong is found again, and told, in the plain way.
    return undefined;
  }
}

function withoutArrays(bytes: Buffer, lifted: readonly Lifted[]): Buffer {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const { start, array } of lifted) {
    parts.push(bytes.subarray(from, start), NULL);
    from = array.end;
  }
  parts.push(bytes.subarray(from));
  return Buffer.concat(parts);
}

const NULL = Buffer.from('null');

/** @throws {Unusual} where something else than the null stands there */
function place(body: unknown, path: readonly (string | number)[], numbers: NestedNumbers): void {
  let parent = body;
  for (const key of path.slice(0, -1)) parent = (parent as Record<string | number, unknown>)[key];
  const target = parent as Record<string | number, unknown>;
  const key = path[path.length - 1];
  if (!Object.hasOwn(target, key) || target[key] !== null) throw new Unusual();
  target[key] = numbers;
}

/** One pass over the body, that looks into its tensors only. */
class Lifter {
  private readonly bytes: Buffer;
  private readonly fields: TensorFields;
  private readonly read: (start: number) => ReadArray | undefined;
  private readonly lifted: Lifted[] = [];
  private at = 0;

  constructor(bytes: Buffer, fields: TensorFields) {
    this.bytes = bytes;
    this.fields = fields;
    this.read = codecFor(bytes.length).reader(bytes);
  }

  /** In the order of the text. @throws {Unusual} */
  run(): readonly Lifted[] {
    this.skipBlanks();
    this.object((name) => {
      switch (this.fields.get(name)) {
        case 'tensor':
          return this.tensor([name]);
        case 'states':
          return this.lift([name]) || this.list(name);
        case 'list':
          return this.list(name);
        case 'map':
          if (this.bytes[this.at] !== OPEN_OBJECT) return this.skipValue();
          return this.object((key) => this.tensor([name, key]));
        default:
          return this.skipValue();
      }
    });
    return this.lifted;
  }

  /** The values of an object, one after another. A name that comes twice or has an escape is unusual. */
  private object(value: (name: string) => unknown): void {
    this.take(OPEN_OBJECT);
    const names = new Set<string>();
    if (this.takeIf(CLOSE_OBJECT)) return;
    do {
      const start = this.at + 1;
      this.skipString();
      const name = this.bytes.toString('latin1', start, this.at - 1);
      if (names.has(name) || name.includes('\\')) throw new Unusual();
      names.add(name);
      this.skipBlanks();
      this.take(COLON);
      value(name);
      this.skipBlanks();
    } while (this.takeIf(COMMA));
    this.take(CLOSE_OBJECT);
  }

  /** A field that holds tensors, or states, in a list. */
  private list(name: string): void {
    if (!this.takeIf(OPEN_ARRAY)) {
      this.tensor([name]);
      return;
    }
    if (this.takeIf(CLOSE_ARRAY)) return;
    let index = 0;
    do {
      this.tensor([name, index++]);
      this.skipBlanks();
    } while (this.takeIf(COMMA));
    this.take(CLOSE_ARRAY);
  }

  /** A tensor in any of its forms; the data of a flat one is lifted too. */
  private tensor(path: readonly (string | number)[]): void {
    if (this.lift(path)) return;
    if (this.bytes[this.at] !== OPEN_OBJECT) this.skipValue();
    else this.object((key) => (key === 'data' && this.lift([...path, key])) || this.skipValue());
  }

  private lift(path: readonly (string | number)[]): boolean {
    const start = this.at;
    const array = this.bytes[start] === OPEN_ARRAY ? this.read(start) : undefined;
    if (!array) return false;
    this.lifted.push({ path, start, array });
    this.at = array.end;
    return true;
  }

  private skipValue(): void {
    let depth = 0;
    do {
      const byte = this.bytes[this.at];
      if (byte === undefined) throw new Unusual();
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
    for (this.at++; this.bytes[this.at] !== QUOTE; this.at++) {
      if (this.at >= this.bytes.length) throw new Unusual();
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
