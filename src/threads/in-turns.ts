import { copySlices } from '../domain/bytes.ts';
import type { TensorData } from '../domain/tensor.ts';
import { Turns } from './turns.ts';

/** The longest time of one slice of long work, and for which slices begin in one turn of the event loop. */
const SLICE_MS = 1;

/** Slices of all long work of this thread, which has one event loop. */
const slices = new Turns(() => SLICE_MS);

/** Waits for a turn. */
export type Turn = () => Promise<void>;

/** Waits for a turn of the event loop: what is ready is answered before. Clients take turns; work of nobody in particular is one. */
export function nextTurn(client = ''): Promise<void> {
  return new Promise((resolve) => slices.add(client, resolve));
}

/** The same, unless this turn has time left and nothing waits: then there is nothing to wait for. */
export function turnWithTime(client?: string): Promise<void> | undefined {
  return slices.hasTime ? undefined : nextTurn(client);
}

/** Does the work in slices on the calling thread, each when it is the client's turn. The event loop runs between the slices. */
export async function inTurns<R>(work: Generator<void, R>, client?: string): Promise<R> {
  const turn = turnWithTime(client);
  if (turn) await turn;
  for (;;) {
    const { done, value } = forOneSlice(work);
    if (done) return value;
    await nextTurn(client);
  }
}

/** Does as much of the work as goes into one slice: what the last piece of that came to. */
export function forOneSlice<R>(work: Generator<void, R>): IteratorResult<void, R> {
  const end = performance.now() + SLICE_MS;
  let step = work.next();
  while (!step.done && performance.now() < end) step = work.next();
  return step;
}

/** Does all of it at once. */
export function atOnce<R>(work: Generator<void, R>): R {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** Copies an array, a part in each turn of the event loop. */
export async function copied<T extends TensorData>(array: T): Promise<T> {
  // A Buffer has no constructor of its own that may be called.
  const Type = array instanceof Buffer ? Uint8Array : array.constructor;
  const copy = new (Type as new (length: number) => T)(array.length);
  for (const _ of copySlices(bytesOf(array), bytesOf(copy))) await nextTurn();
  return copy;
}

function bytesOf({ buffer, byteOffset, byteLength }: TensorData): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
