/** Adds up what happens in a second. */
export class SecondCounter {
  private second = 0;
  private current = 0;
  private former = 0;

  add(amount: number, now: number): void {
    this.turn(now);
    this.current += amount;
  }

  /** Of the last full second. */
  last(now: number): number {
    this.turn(now);
    return this.former;
  }

  private turn(now: number): void {
    const second = Math.floor(now / 1_000);
    if (second === this.second) return;
    this.former = second === this.second + 1 ? this.current : 0;
    this.current = 0;
    this.second = second;
  }
}
