/**
 * Runs tasks of one name one after another, in the order they came, and tasks of different names side by side.
 * It keeps writers of one process from racing; the store's compare-and-set keeps processes apart.
 */
export class Queue {
  private readonly tails = new Map<string, Promise<unknown>>();

  run<T>(name: string, task: () => Promise<T>): Promise<T> {
    const before = this.tails.get(name);
    const mine = before ? before.then(task) : task();
    const done = () => {
      if (this.tails.get(name) === tail) this.tails.delete(name);
    };
    const tail: Promise<unknown> = mine.then(done, done);
    this.tails.set(name, tail);
    return mine;
  }
}
