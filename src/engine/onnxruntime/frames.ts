/** Bytes of the two lengths that a frame begins with: of what comes after them, and of its head. */
const LENGTHS = 8;
/** Where arrays begin: at multiples of this, so that elements of every type lie as memory needs them. */
const ALIGNED = 8;

/** A message with all its arrays of bytes taken out: `{ array: 3 }` stands for the fourth of them. */
interface Head {
  readonly message: unknown;
  readonly lengths: readonly number[];
}

/** A message as bytes: its lengths, the message as JSON, then its arrays as they are. */
export function frame(message: object): Buffer {
  const arrays: Uint8Array[] = [];
  const taken = takeArrays(message, arrays);
  const head = Buffer.from(JSON.stringify({ message: taken, lengths: arrays.map(({ length }) => length) }));
  const start = LENGTHS + aligned(head.length);
  const bytes = Buffer.allocUnsafe(arrays.reduce((sum, { length }) => sum + aligned(length), start));
  bytes.writeUInt32LE(bytes.length - LENGTHS, 0);
  bytes.writeUInt32LE(head.length, 4);
  bytes.set(head, LENGTHS);
  let at = start;
  for (const array of arrays) {
    bytes.set(array, at);
    at += aligned(array.length);
  }
  return bytes;
}

/** Puts the messages of a stream of bytes together. Their arrays lie in the given chunks where they are whole there. */
export class FrameReader<M> {
  private readonly maxBytes: number;
  private readonly chunks: Buffer[] = [];
  private held = 0;
  private wanted = LENGTHS;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** The messages that are whole with these bytes. @throws {RangeError} for one that is larger than it may be */
  *push(chunk: Buffer): Generator<M> {
    this.chunks.push(chunk);
    this.held += chunk.length;
    while (this.held >= this.wanted) {
      const bytes = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
      const end = LENGTHS + bytes.readUInt32LE(0);
      if (end > this.maxBytes) throw new RangeError(`a message of ${end} bytes`);
      this.wanted = end;
      const isWhole = bytes.length >= end;
      if (isWhole) {
        yield read(bytes.subarray(0, end)) as M;
        this.wanted = LENGTHS;
      }
      const rest = isWhole ? bytes.subarray(end) : bytes;
      this.chunks.length = 0;
      if (rest.length > 0) this.chunks.push(rest);
      this.held = rest.length;
    }
  }
}

function read(bytes: Buffer): unknown {
  const headLength = bytes.readUInt32LE(4);
  const { message, lengths } = JSON.parse(bytes.toString('utf8', LENGTHS, LENGTHS + headLength)) as Head;
  let at = LENGTHS + aligned(headLength);
  const arrays = lengths.map((length) => {
    const array = bytes.subarray(at, at + length);
    at += aligned(length);
    return array;
  });
  return putArrays(message, arrays);
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNED) * ALIGNED;
}

function takeArrays(value: unknown, arrays: Uint8Array[]): unknown {
  if (value instanceof Uint8Array) return { array: arrays.push(value) - 1 };
  if (Array.isArray(value)) return value.map((each) => takeArrays(each, arrays));
  if (typeof value !== 'object' || value === null) return value;
  const taken: Record<string, unknown> = {};
  for (const name of Object.keys(value)) define(taken, name, takeArrays((value as typeof taken)[name], arrays));
  return taken;
}

function putArrays(value: unknown, arrays: readonly Uint8Array[]): unknown {
  if (Array.isArray(value)) return value.map((each) => putArrays(each, arrays));
  if (typeof value !== 'object' || value === null) return value;
  const { array } = value as { readonly array?: unknown };
  if (typeof array === 'number') return arrays[array];
  const put: Record<string, unknown> = {};
  for (const name of Object.keys(value)) define(put, name, putArrays((value as typeof put)[name], arrays));
  return put;
}

/** A graph may have an input of any name. */
function define(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') target[name] = value;
  else Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}
