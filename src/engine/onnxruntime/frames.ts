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

/**
 * Puts the messages of a stream of bytes together. The arrays of a message lie in the given chunk where it is whole there; what
 * is kept of a chunk for the next one is copied, so that its memory may be used again.
 */
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
    this.held += chunk.length;
    let bytes = chunk;
    if (this.held >= this.wanted) {
      if (this.chunks.length > 0) bytes = Buffer.concat([...this.chunks, chunk]);
      this.chunks.length = 0;
      for (;;) {
        this.wanted = LENGTHS;
        if (bytes.length < this.wanted) break;
        this.wanted += bytes.readUInt32LE(0);
        if (this.wanted > this.maxBytes) throw new RangeError(`a message of ${this.wanted} bytes`);
        if (bytes.length < this.wanted) break;
        yield read(bytes.subarray(0, this.wanted)) as M;
        bytes = bytes.subarray(this.wanted);
      }
      this.held = bytes.length;
    }
    if (bytes.length > 0) this.chunks.push(Buffer.from(bytes));
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
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return { array: arrays.push(value) - 1 };
  if (Array.isArray(value)) return value.map((each) => takeArrays(each, arrays));
  const taken: Record<string, unknown> = {};
  for (const name in value) taken[name] = takeArrays((value as typeof taken)[name], arrays);
  return taken;
}

/** Puts the arrays into the message in place. */
function putArrays(value: unknown, arrays: readonly Uint8Array[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { array } = value as { readonly array?: unknown };
  if (typeof array === 'number') return arrays[array];
  const fields = value as Record<string, unknown>;
  for (const name in fields) if (typeof fields[name] === 'object') fields[name] = putArrays(fields[name], arrays);
  return value;
}
