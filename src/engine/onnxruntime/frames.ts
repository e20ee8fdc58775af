import { type Answer, type Message, withAttached } from './messages.ts';

/** Bytes of the two lengths that a frame begins with: of what comes after them, and of its head. */
const LENGTHS = 8;
/** Where what is attached begins: at multiples of this, so that elements of every type lie as memory needs them. */
const ALIGNED = 8;

/** A message as bytes: its lengths, the message as JSON, then what is attached to it. */
export function frame(message: Message | Answer): Buffer {
  const attached: Uint8Array[] = [];
  const bare = withAttached(message, (part) => {
    attached.push(part.bytes);
    return { ...part, bytes: part.bytes.length };
  });
  const head = Buffer.from(JSON.stringify(bare));
  const start = LENGTHS + aligned(head.length);
  const bytes = Buffer.allocUnsafe(attached.reduce((sum, { length }) => sum + aligned(length), start));
  bytes.writeUInt32LE(bytes.length - LENGTHS, 0);
  bytes.writeUInt32LE(head.length, 4);
  bytes.set(head, LENGTHS);
  let at = start;
  for (const part of attached) {
    bytes.set(part, at);
    at += aligned(part.length);
  }
  return bytes;
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
