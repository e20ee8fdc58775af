import { Readable } from 'node:stream';
import type { Bytes } from '../../domain/bytes.ts';
import type { Turn } from '../../threads/in-turns.ts';

/** Of so many bytes a reply goes out in slices. */
export const SLICE_BYTES = 2 ** 19;

/** Of so many characters a text does too. */
export const TEXT_SLICE = 2 ** 18;

const NOTHING = [].values();

/**
 * A long reply, made or read, and sent, a slice in each turn of the event loop, when the client has taken those before. What it is made
 * of is held until then: `held` bytes or so.
 */
export class SlicedReply extends Readable {
  readonly held: number;
  private slices: Iterator<Uint8Array> | AsyncIterator<Uint8Array>;
  private readonly turn: Turn;
  private turning = false;

  constructor(held: number, slices: Iterator<Uint8Array> | AsyncIterator<Uint8Array>, turn: Turn) {
    super({ highWaterMark: SLICE_BYTES });
    this.held = held;
    this.turn = turn;
    this.slices = slices;
  }

  override _read(): void {
    if (this.turning) return;
    this.turning = true;
    this.next().catch((error) => this.destroy(error as Error));
  }

  /** Lets go of what the reply is made of: the reply itself may stay in memory for seconds when it is over. ADR 121. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.slices = NOTHING;
    done(error);
  }

  private async next(): Promise<void> {
    await this.turn();
    if (this.destroyed) return;
    const { done, value } = await this.slices.next();
    this.turning = false;
    if (!this.destroyed) this.push(done ? null : value);
  }
}

export function* slicesOf(bytes: Bytes): Generator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += SLICE_BYTES) {
    yield bytes.subarray(from, Math.min(from + SLICE_BYTES, bytes.length));
  }
}

export function* encoded(pieces: Iterable<string>): Generator<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece);
}

/** A text in slices that end between characters. */
export function* slicesOfText(text: string): Generator<string> {
  for (let from = 0, to = 0; from < text.length; from = to) {
    to = Math.min(from + TEXT_SLICE, text.length);
    if (isHighSurrogate(text.charCodeAt(to - 1))) to++;
    yield text.slice(from, to);
  }
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00;
}
