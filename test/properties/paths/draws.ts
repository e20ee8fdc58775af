/** Reproducible draws: the same ones for the same seed, in the same order. */
export class Draws {
  private state: number;

  constructor(seed: number) {
    this.state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 0;
  }

  /** In [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  seed(): number {
    return Math.floor(this.next() * 2 ** 31);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** As often between 1 and 10 as between 100 and 1000. */
  size(min: number, max: number): number {
    const low = Math.log(Math.max(min, 1));
    const drawn = Math.round(Math.exp(low + this.next() * (Math.log(max + 1) - low)));
    return min === 0 && this.chance(0.08) ? 0 : Math.min(Math.max(drawn, min), max);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.integer(0, from.length - 1)];
  }
}
