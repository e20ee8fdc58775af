/** The most time windows that are kept. Ended ones are removed first. */
const MOST = 100_000;

/** Counts in windows of time, for all workers of a supervisor. */
export class RateWindows {
  private readonly windows = new Map<string, { count: number; readonly end: number }>();

  count(key: string, milliseconds: number, now = Date.now()): { readonly count: number; readonly left: number } {
    let window = this.windows.get(key);
    if (!window || window.end <= now) {
      window = { count: 0, end: now + milliseconds };
      this.windows.delete(key);
      this.windows.set(key, window);
      this.forgetOver(now);
    }
    window.count++;
    return { count: window.count, left: window.end - now };
  }

  private forgetOver(now: number): void {
    for (const [key, { end }] of this.windows) {
      if (end > now && this.windows.size <= MOST) return;
      this.windows.delete(key);
    }
  }
}
