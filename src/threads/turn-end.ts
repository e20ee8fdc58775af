/** Those of Node, also where a test has its own for a while: the turns of a thread outlive it. */
const { clearImmediate, setImmediate } = globalThis;

/** What waits for the end of a turn of this thread's event loop, in the stages of that end. */
const stages: (() => void)[][] = [[], []];
/** What waits until that is over. */
const behind: (() => void)[] = [];
/** While there is an end to come, or under way. */
let coming: NodeJS.Immediate | undefined;
/** The end of this turn has been: what comes now waits for that of the next, and gathers until then. */
let isOver = false;

/**
 * Calls `work`, which must not throw, at the end of this turn of the event loop, which has then taken in all that has arrived. What that
 * begins, and waits for the end of the turn too, is not kept until the next: it goes on as soon as everything else has come as far as it
 * can at once. `last`: when nothing else waits for the end.
 */
export function atTurnEnd(work: () => void, last = false): void {
  stages[last ? 1 : 0].push(work);
  coming ??= setImmediate(end);
}

/**
 * To be called in an immediate, by what may take long: calls `work` when what waits for the end of this turn has gone on, which is done
 * now, or at once where the end has been. So the disk and other threads have their part while `work` is done.
 */
export function behindTurnEnd(work: () => void): void {
  if (isOver || !coming) {
    beOver();
    work();
    return;
  }
  behind.push(work);
  clearImmediate(coming);
  end();
}

function end(): void {
  beOver();
  const stage = stages.find(({ length }) => length > 0);
  if (stage) {
    // Comes after all promises that the work settles at once.
    queueMicrotask(() => process.nextTick(end));
    for (const work of stage.splice(0)) work();
    return;
  }
  coming = undefined;
  for (const work of behind.splice(0)) work();
}

/** The first immediate of the next turn takes it back. */
function beOver(): void {
  if (isOver) return;
  isOver = true;
  setImmediate(() => {
    isOver = false;
  }).unref();
}
