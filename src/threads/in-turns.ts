import { nextTurn, type Turn } from './turns.ts';

/** The longest time of one slice; other work waits that long. */
const TURN_MILLISECONDS = 3;

/** Does the work in slices on the calling thread, each when it is its turn. The event loop runs between the slices. */
export async function inTurns<R>(work: Generator<void, R>, turn: Turn = nextTurn): Promise<R> {
  for (let end = performance.now() + TURN_MILLISECONDS; ; ) {
    const { done, value } = work.next();
    if (done) return value;
    if (performance.now() < end) continue;
    await turn();
    end = performance.now() + TURN_MILLISECONDS;
  }
}

/** Does all of it at once. */
export function atOnce<R>(work: Generator<void, R>): R {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}
