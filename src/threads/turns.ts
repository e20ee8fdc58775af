import { FairQueue } from './fair-queue.ts';

/** The next turn of the event loop: what is ready is answered before. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Turns on the event loop for work that holds it for milliseconds: one in each round of the loop, so that what is ready at
 * the same time does not add up, and clients take turns.
 */
export class Turns {
  private readonly queue = new FairQueue<() => void>();
  private running = false;

  /** Resolves when it is the client's turn. */
  take(client: string): Promise<void> {
    return new Promise((resolve) => {
      this.queue.add(client, resolve);
      if (this.running) return;
      this.running = true;
      setImmediate(() => this.next());
    });
  }

  private next(): void {
    const begin = this.queue.take();
    this.running = begin !== undefined;
    if (!begin) return;
    begin();
    setImmediate(() => this.next());
  }
}
