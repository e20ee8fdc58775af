import { deserialize, serialize } from 'node:v8';
import type { Dtype, Shape } from '../../domain/tensor.ts';

/** A tensor between the processes: its elements as little-endian bytes. */
export interface SentTensor {
  readonly dtype: Dtype;
  readonly shape: Shape;
  readonly bytes: Uint8Array;
}

export interface LoadMessage {
  readonly op: 'load';
  readonly graph: string;
  readonly model: Uint8Array;
}

export interface ReleaseMessage {
  readonly op: 'release';
  readonly graph: string;
}

/** Runs of one row, one after another: an input of `states` takes what the output beside it gave. */
export interface SentRow {
  readonly steps: readonly Readonly<Record<string, SentTensor>>[];
  readonly states: readonly SentTensor[];
}

export interface RunMessage {
  readonly op: 'run';
  readonly graph: string;
  readonly rows: readonly SentRow[];
  readonly states: readonly { readonly name: string; readonly output: string }[];
  readonly outputs: readonly string[];
  /** Whether the states after each run are wanted, not only those after the last. */
  readonly everyState: boolean;
  /** Bytes that all results together may have. */
  readonly maxBytes: number;
}

/** What came of one row: of each run its outputs, and the states after it. */
export interface RowResult {
  readonly outputs: readonly (readonly SentTensor[])[];
  readonly states: readonly (readonly SentTensor[])[];
}

export type Message = LoadMessage | ReleaseMessage | RunMessage;

/** Answers come in the order of the messages. `fault` is what the runtime says of a graph or of its inputs. */
export type Answer =
  | { readonly rows: readonly RowResult[] }
  | { readonly fault: string; readonly kind: 'refused' | 'too-large' | 'not-loaded' | 'not-installed' };

/** What the process writes to stderr before it ends itself because it has too much memory. */
export const OVER_MEMORY = 'cellstep: over its memory\n';

const LENGTH_BYTES = 4;

/** A message as bytes, its length before it. */
export function frame(message: Message | Answer): Buffer {
  const body = serialize(message);
  const bytes = Buffer.allocUnsafe(LENGTH_BYTES + body.length);
  bytes.writeUInt32LE(body.length, 0);
  bytes.set(body, LENGTH_BYTES);
  return bytes;
}

/** Puts the messages of a stream of bytes together. */
export class FrameReader<M> {
  private readonly maxBytes: number;
  private readonly chunks: Buffer[] = [];
  private held = 0;
  private wanted = LENGTH_BYTES;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** The messages that are whole with these bytes. @throws {RangeError} for one that is larger than it may be */
  *push(chunk: Buffer): Generator<M> {
    this.chunks.push(chunk);
    this.held += chunk.length;
    while (this.held >= this.wanted) {
      const bytes = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
      const end = LENGTH_BYTES + bytes.readUInt32LE(0);
      if (end > this.maxBytes) throw new RangeError(`a message of ${end} bytes`);
      this.wanted = end;
      if (bytes.length >= end) {
        yield deserialize(bytes.subarray(LENGTH_BYTES, end));
        this.wanted = LENGTH_BYTES;
      }
      const rest = bytes.length >= end ? bytes.subarray(end) : bytes;
      this.chunks.length = 0;
      if (rest.length > 0) this.chunks.push(rest);
      this.held = rest.length;
    }
  }
}
