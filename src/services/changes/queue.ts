/**
 * Runs tasks of one name one after another, in the order they came, and tasks of different names side by side.
 * It keeps writers of one process from racing; the store's compare-and-set keeps processes apart.
 */
export class Queue {
  /** For each running name, the functions that start the tasks waiting for it. */
  private readonly waiting = new Map<string, (() => void)[]>();

  async run<T>(name: string, task: () => Promise<T>): Promise<T> {
    const line = this.waiting.get(name);
    if (line) await new Promise<void>((begin) => line.push(begin));
    else this.waiting.set(name, []);
    try {
      return await task();
    } finally {
      const begin = this.waiting.get(name)?.shift();
      if (begin) begin();
      else this.waiting.delete(name);
    }
  }
}
