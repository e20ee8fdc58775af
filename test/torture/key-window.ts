/**
 * A session keeps its last 16 keys, so a request with a key may be repeated as long as fewer than 16 others of its
 * session came after it. Clients that share a session therefore wait for the slowest of them.
 */
export class KeyWindow {
  private readonly size: number;
  private readonly open = new Set<number>();
  private waiting: (() => void)[] = [];
  private count = 0;

  constructor(size = 15) {
    this.size = size;
  }

  /** Runs a request, once it is not too far ahead of the oldest one that is still on its way. It is told its number. */
  async run<T>(request: (number: number) => Promise<T>): Promise<T> {
    while (this.open.size > 0 && this.count - Math.min(...this.open) >= this.size) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    const mine = this.count++;
    return this.hold(mine, () => request(mine));
  }

  /** Repeats the request of a number that was answered before; not where too many have come after it, or it is repeated now. */
  async repeat(number: number, request: () => Promise<void>): Promise<void> {
    if (this.count - number >= this.size || this.open.has(number)) return;
    await this.hold(number, request);
  }

  private async hold<T>(number: number, request: () => Promise<T>): Promise<T> {
    this.open.add(number);
    try {
      return await request();
    } finally {
      this.open.delete(number);
      const waiting = this.waiting;
      this.waiting = [];
      for (const resume of waiting) resume();
    }
  }
}
