import { BLOCK_BYTES, SmallPieces } from '../http/bodies/small-pieces.ts';

const NEWLINE = 0x0a;

/** Whole lines, each with its newline; or the fact that a line was too long. Nothing of a long line is kept. */
export interface Lines {
  readonly text: Buffer | undefined;
  readonly tooLong: boolean;
}

/** Cuts a stream of bytes after its last newline. It keeps no more than one line of `maxBytes`. */
export class LineSplitter {
  private readonly maxBytes: number;
  private parts: Buffer[] = [];
  private readonly small = new SmallPieces();
  private kept = 0;
  /** Skips the rest of a line that is too long. */
  private skipping = false;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Of the line that is not whole yet. */
  get bytes(): number {
    return this.kept;
  }

  push(chunk: Buffer): Lines {
    let rest = chunk;
    let tooLong = false;
    if (this.skipping) {
      const end = chunk.indexOf(NEWLINE);
      if (end < 0) return { text: undefined, tooLong };
      this.skipping = false;
      rest = chunk.subarray(end + 1);
    }
    const first = rest.indexOf(NEWLINE);
    if (this.kept + (first < 0 ? rest.length : first) > this.maxBytes) {
      this.keptParts();
      tooLong = true;
      this.skipping = first < 0;
      rest = rest.subarray(first < 0 ? rest.length : first + 1);
    }
    const last = rest.lastIndexOf(NEWLINE);
    if (last < 0) {
      this.keep(rest);
      return { text: undefined, tooLong };
    }
    const whole = rest.subarray(0, last + 1);
    const text = this.kept > 0 ? Buffer.concat([...this.keptParts(), whole]) : whole;
    this.keep(rest.subarray(last + 1));
    return { text, tooLong };
  }

  /** The bytes after the last newline as a line of their own; undefined if there are none. */
  end(): Buffer | undefined {
    if (this.kept === 0) return undefined;
    return Buffer.concat([...this.keptParts(), Buffer.of(NEWLINE)]);
  }

  private keep(part: Buffer): void {
    if (part.length === 0) return;
    this.kept += part.length;
    const before = part.length < BLOCK_BYTES ? this.small.add(part) : this.small.take();
    if (before) this.parts.push(before);
    if (part.length >= BLOCK_BYTES) this.parts.push(part);
  }

  /** Takes what was kept. */
  private keptParts(): Buffer[] {
    const last = this.small.take();
    const parts = last ? [...this.parts, last] : this.parts;
    this.parts = [];
    this.kept = 0;
    return parts;
  }
}
