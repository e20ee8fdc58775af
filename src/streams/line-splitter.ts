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
      this.parts = [];
      this.kept = 0;
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
    const text = this.kept > 0 ? Buffer.concat([...this.parts, whole]) : whole;
    this.parts = [];
    this.kept = 0;
    this.keep(rest.subarray(last + 1));
    return { text, tooLong };
  }

  /** The bytes after the last newline as a line of their own; undefined if there are none. */
  end(): Buffer | undefined {
    if (this.kept === 0) return undefined;
    const line = Buffer.concat([...this.parts, Buffer.of(NEWLINE)]);
    this.parts = [];
    this.kept = 0;
    return line;
  }

  private keep(part: Buffer): void {
    if (part.length === 0) return;
    this.parts.push(part);
    this.kept += part.length;
  }
}
