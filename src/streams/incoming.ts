/** Bytes of one client, which are looked at when it is its turn. Until then it sends no others. */
export class Incoming {
  private readonly source: { pause(): void; resume(): void };
  private readonly turn: (begin: () => void) => void;
  private readonly look: (bytes: Buffer) => void;
  private waiting: Buffer | undefined;
  private isPaused = false;

  /** `turn` calls back when it is the client's turn, maybe at once. */
  constructor(source: Incoming['source'], turn: Incoming['turn'], look: Incoming['look']) {
    this.source = source;
    this.turn = turn;
    this.look = look;
  }

  /** What waits. */
  get bytes(): number {
    return this.waiting?.length ?? 0;
  }

  take(bytes: Buffer): void {
    if (this.waiting) {
      // What had left the source before it was paused.
      this.waiting = Buffer.concat([this.waiting, bytes]);
      return;
    }
    this.waiting = bytes;
    this.turn(() => this.flush());
    if (!this.waiting) return;
    this.isPaused = true;
    this.source.pause();
  }

  /** Looks at once at what waits. */
  flush(): void {
    const { waiting } = this;
    if (!waiting) return;
    this.waiting = undefined;
    // Before it looks: what it sees there may pause the source for other reasons.
    if (this.isPaused) this.source.resume();
    this.isPaused = false;
    this.look(waiting);
  }
}
