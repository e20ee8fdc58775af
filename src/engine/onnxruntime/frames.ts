import { type Answer, type Message, withAttached } from './messages.ts';

/** Bytes of the two lengths that a frame begins with: of what comes after them, and of its head. */
const LENGTHS = 8;
/** Where what is attached begins: at multiples of this, so that elements of every type lie as memory needs them. */
const ALIGNED = 8;

/** More bytes, such as those of a model, are not copied. */
const LONG_BYTES = 2 ** 20;

/**
 * A message as bytes, in parts: its lengths, the message as JSON, then what is attached to it. What is long of that is a part by
 * itself, and must stay as it is until it is written.
 */
export function frame(message: Message | Answer): Uint8Array[] {
  const attached: Uint8Array[] = [];
  const bare = withAttached(message, (part) => {
    attached.push(part.bytes);
    return { ...part, bytes: part.bytes.length };
  });
  const head = Buffer.from(JSON.stringify(bare));
  const start = LENGTHS + aligned(head.length);
  const sum = (parts: readonly Uint8Array[]) => parts.reduce((bytes, { length }) => bytes + aligned(length), 0);
  const isShort = ({ length }: Uint8Array) => length <= LONG_BYTES;
  const bytes = Buffer.allocUnsafe(start + sum(attached.filter(isShort)));
  bytes.writeUInt32LE(start - LENGTHS + sum(attached), 0);
  bytes.writeUInt32LE(head.length, 4);
  bytes.set(head, LENGTHS);
  const parts: Uint8Array[] = [];
  let [from, at] = [0, start];
  for (const part of attached) {
    if (isShort(part)) {
      bytes.set(part, at);
      at += aligned(part.length);
    } else {
      parts.push(bytes.subarray(from, at), part, new Uint8Array(aligned(part.length) - part.length));
      from = at;
    }
  }
  return [...parts, bytes.subarray(from, at)].filter(({ length }) => length > 0);
}

/**
 * Puts the messages of a stream of bytes together. What is attached to a message lies in the given chunk where it is whole there; what
 * is kept of a chunk for the next one is copied, so that its memory may be used again.
 */
export class FrameReader<M extends Message | Answer> {
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

function read(bytes: Buffer): Message | Answer {
  const headLength = bytes.readUInt32LE(4);
  const bare = JSON.parse(bytes.toString('utf8', LENGTHS, LENGTHS + headLength)) as Message | Answer;
  let at = LENGTHS + aligned(headLength);
  return withAttached(bare, (part) => {
    const length = part.bytes as unknown as number;
    const own = bytes.subarray(at, at + length);
    at += aligned(length);
    return { ...part, bytes: own };
  });
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNED) * ALIGNED;
}
