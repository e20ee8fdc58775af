/**
 * Runs tasks of one name one after another, in the order they came, and tasks of different names side by side.
 * It keeps writers of one process from racing; the store's compare-and-set keeps processes apart.
 */
export class Queue {
  private readonly tails = new Map<string, Promise<unknown>>();

  run<T>(name: string, task: () => Promise<T>): Promise<T> {
    const before = this.tails.get(name) ?? Promise.resolve();
    const mine = before.then(task, task);
    const tail: Promise<unknown> = mine
      .catch(() => undefined)
      .then(() => {
        if (this.tails.get(name) === tail) this.tails.delete(name);
      });
    this.tails.set(name, tail);
    return mine;
  }
}
