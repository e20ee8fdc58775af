/** Runs tasks of one name one after another, in the order they came, and tasks of different names side by side. */
export class Queue {
  /** For each running name, the functions that start the tasks waiting for it, or null if none do. */
  private readonly waiting = new Map<string, (() => void)[] | null>();

  /** Whether a task of the name runs. */
  isBusy(name: string): boolean {
    return this.waiting.has(name);
  }

  async run<T>(name: string, task: () => Promise<T>): Promise<T> {
    if (this.isBusy(name)) await new Promise<void>((begin) => this.enter(name, begin));
    else this.waiting.set(name, null);
    try {
      return await task();
    } finally {
      this.leave(name);
    }
  }

  /** Calls `begin` when it is its turn, maybe at once. Call `leave` at the end of what it began. */
  enter(name: string, begin: () => void): void {
    const line = this.waiting.get(name);
    if (line) line.push(begin);
    else if (line === null) this.waiting.set(name, [begin]);
    else {
      this.waiting.set(name, null);
      begin();
    }
  }

  leave(name: string): void {
    const begin = this.waiting.get(name)?.shift();
    if (begin) begin();
    else this.waiting.delete(name);
  }
}
