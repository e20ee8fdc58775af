/** That of Node, also where a test has its own for a while: the turns of a thread outlive it. */
const { setImmediate } = globalThis;

/** What waits for the end of a turn of this thread's event loop, in the stages of that end. */
const stages: (() => void)[][] = [[], []];
let isWaiting = false;

/**
 * Calls `work`, which must not throw, at the end of this turn of the event loop, which has then taken in all that has arrived. What that
 * begins, and waits for the end of the turn too, is not kept until the next: it goes on as soon as everything else has come as far as it
 * can at once. `last`: when nothing else waits for the end.
 */
export function atTurnEnd(work: () => void, last = false): void {
  stages[last ? 1 : 0].push(work);
  if (!isWaiting) setImmediate(end);
  isWaiting = true;
}

function end(): void {
  const stage = stages.find(({ length }) => length > 0);
  isWaiting = stage !== undefined;
  if (!stage) return;
  // Comes after all promises that the work settles at once.
  queueMicrotask(() => process.nextTick(end));
  for (const work of stage.splice(0)) work();
}
