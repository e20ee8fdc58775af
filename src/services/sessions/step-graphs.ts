import type { Cell } from '../cells/cell-record.ts';
import type { Decision } from '../changes/decision.ts';
import type { Decisions } from '../changes/one-of-many.ts';
import {
  fitsTogether,
  type GraphRun,
  prepareGraphCall,
  type ReadyGraphCall,
  runGraphSteps,
  runReady,
} from '../compute/run-graph.ts';
import type { Context } from '../context.ts';
import { type AnswerSteps, answerOf, type PlainStep } from './plain-step.ts';
import { requireSession, type Session } from './session-record.ts';
import { nextVersion } from './sessions.ts';
import { isUsual, type StepGroup } from './step-batches.ts';
import { graphStep, statesFor } from './step-graph.ts';

/**
 * Decides on the next steps of a session of a graph, as many as can go in one request to the runtime. Where such a request fails, its
 * steps are left to be decided alone, since nobody knows which of them is to blame.
 */
export async function stepGraph<R, S extends PlainStep<R>>(
  context: Context,
  cell: Cell,
  place: number,
  group: StepGroup<R, S>,
): Promise<Decisions<R>> {
  const { revision } = group.stored[place]!;
  const session = requireSession('', { revision, bytes: group.sessions.record(place) }, 0);
  const { ready, refusal } = await readySteps(context, cell, session, { place, group });
  if (ready.length === 0) return [refusal];
  const runs = await (ready.length > 1
    ? runGraphSteps(context, cell, ready).catch(() => undefined)
    : runReady(context, cell, ready[0], false).then(
        (run) => [run],
        (error: Error) => [error],
      ));
  if (!runs) return ready.map(() => undefined);
  const decisions = decideOn(context, cell, { before: session, runs, steps: group.steps[place] }, group.answer);
  // Behind a step that is refused the session has another version than was expected: the next one may be refused for that.
  const areMade = decisions.length === ready.length && !(decisions.at(-1) instanceof Error);
  return refusal && areMade ? [...decisions, refusal] : decisions;
}

/** The steps that can go in one request, and why the next one is refused, if it is. */
async function readySteps<R, S extends PlainStep<R>>(
  context: Context,
  cell: Cell,
  session: Session,
  { place, group: { steps, sessions } }: { readonly place: number; readonly group: StepGroup<R, S> },
): Promise<{ readonly ready: readonly ReadyGraphCall[]; readonly refusal?: Error }> {
  const ready: ReadyGraphCall[] = [];
  const { mostJoined } = context.cells.prepareGraph(cell);
  for (const step of steps[place].slice(0, mostJoined)) {
    if (!isUsual(step, sessions, place, ready.length)) break;
    try {
      const call = { inputs: step.inputs, trace: false };
      const next = await prepareGraphCall(context, cell, call, { states: statesFor(session) });
      if (ready.length > 0 && !fitsTogether(ready[0], next)) break;
      ready.push(next);
    } catch (error) {
      return { ready, refusal: error as Error };
    }
  }
  return { ready };
}

interface RanSteps<S> {
  /** Before the first of them. */
  readonly before: Session;
  readonly steps: readonly S[];
  /** What came of the first of them, or why one has no result. */
  readonly runs: readonly (GraphRun | Error)[];
}

/** Decides on each step as if the one before it had been committed, up to the first that is refused. */
function decideOn<R, S extends PlainStep<R>>(
  context: Context,
  cell: Cell,
  { before, steps, runs }: RanSteps<S>,
  answer: AnswerSteps<R, S>,
): (Decision<R> | Error)[] {
  const decisions: (Decision<R> | Error)[] = [];
  let session = before;
  for (const [k, run] of runs.entries()) {
    if (run instanceof Error) return [...decisions, run];
    const { next, stepped } = graphStep(context, session, cell, run);
    const { writes, result } = nextVersion(session, next, context.clock());
    const [end] = answer([answerOf({ session: result, stepped })], [steps[k]]);
    if (end instanceof Error) return [...decisions, end];
    decisions.push({ writes, result: end });
    session = result;
  }
  return decisions;
}
