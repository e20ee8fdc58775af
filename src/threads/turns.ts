import type { TensorData } from '../domain/tensor.ts';
import { FairQueue } from './fair-queue.ts';

/** Waits for a turn. */
export type Turn = () => Promise<void>;

/** The next turn of the event loop: what is ready is answered before. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** So many bytes are copied in a few milliseconds. */
const COPIED_BYTES = 2 ** 22;

/** A copy of an array, of which a part is made in each turn of the event loop. */
export async function copied<T extends TensorData>(array: T): Promise<T> {
  const copy = new (array.constructor as new (length: number) => T)(array.length);
  const each = COPIED_BYTES / array.BYTES_PER_ELEMENT;
  for (let from = 0; from < array.length; from += each) {
    if (from > 0) await nextTurn();
    copy.set(array.subarray(from, from + each) as never, from);
  }
  return copy;
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
