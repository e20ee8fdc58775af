/** A block of gathered pieces. A piece of so many bytes need not be gathered. */
export const BLOCK_BYTES = 2 ** 12;
/** What a piece takes in memory beside its bytes, about. */
export const PIECE_BYTES = 2 ** 9;

/**
 * Copies pieces together that have less than BLOCK_BYTES, because each takes PIECE_BYTES more: a body of 4 MiB that comes a byte at a time
 * would take 2 GB. A piece that comes alone is not copied.
 */
export class SmallPieces {
  /** A piece, or a block of several. */
  private gathered: Buffer | undefined;
  private used = 0;
  private isBlock = false;

  get isEmpty(): boolean {
    return this.gathered === undefined;
  }

  /** Adds a piece. Returns what came before, if there is no room for both. */
  add(piece: Buffer): Buffer | undefined {
    const before = this.used + piece.length > BLOCK_BYTES ? this.take() : undefined;
    if (!this.gathered) {
      this.gathered = piece;
      this.used = piece.length;
      return before;
    }
    if (!this.isBlock) {
      const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.gathered.copy(block);
      this.gathered = block;
      this.isBlock = true;
    }
    this.used += piece.copy(this.gathered, this.used);
    return undefined;
  }

  /** Takes what was gathered; undefined if that is nothing. */
  take(): Buffer | undefined {
    const taken = this.isBlock ? this.gathered?.subarray(0, this.used) : this.gathered;
    this.gathered = undefined;
    this.used = 0;
    this.isBlock = false;
    return taken;
  }
}
