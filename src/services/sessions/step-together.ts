import { getAll } from '../../domain/store-calls.ts';
import { type Decision, decideAnd } from '../changes/decision.ts';
import type { Repeatable } from '../changes/once.ts';
import type { Decisions, OneOfMany, Within } from '../changes/one-of-many.ts';
import type { Context } from '../context.ts';
import { sessionKey } from '../keys.ts';
import { type AnswerSteps, answerOf, type PlainStep } from './plain-step.ts';
import { noSession, requireSession } from './session-record.ts';
import { SessionRows } from './session-rows.ts';
import { cellOf } from './sessions.ts';
import { isUsual, type StepGroup, stepInBatches } from './step-batches.ts';
import { stepGraph } from './step-graphs.ts';
import { stepSequence } from './step-sequence.ts';
import { type SteppedSession, stepSession } from './step-session.ts';

/** Steps many sessions. Those of one cell are computed together; a result has the same bits as alone. */
export function stepMany<R, S extends PlainStep<R>>(
  context: Context,
  steps: readonly S[],
  answer: AnswerSteps<R, S>,
): Promise<void> {
  const items = steps.map((step) => new StepItem(context, step, answer));
  return context.changer.changeAll<R, StepItem<R, S>>(items, (asked) => decideSteps(context, asked, answer));
}

class StepItem<R, S extends PlainStep<R>> implements OneOfMany<R> {
  readonly owner: string;
  readonly step: S;
  readonly once: Repeatable<R> | undefined;
  readonly within: Within | undefined;
  private readonly context: Context;
  private readonly answer: AnswerSteps<R, S>;

  constructor(context: Context, step: S, answer: AnswerSteps<R, S>) {
    this.owner = sessionKey(step.session);
    this.step = step;
    this.once = step.once;
    this.within = step.within;
    this.context = context;
    this.answer = answer;
  }

  decide(): Promise<Decision<R> | undefined> {
    const { session, expected, inputs, sequence } = this.step;
    const decide = (): Promise<Decision<SteppedSession> | undefined> =>
      sequence
        ? stepSequence(this.context, session, sequence)
        : stepSession(this.context, session, expected, { inputs, trace: false });
    return decideAnd(decide, (stepped) => {
      const [answer] = this.answer([answerOf(stepped)], [this.step]);
      if (answer instanceof Error) throw answer;
      return answer;
    })();
  }

  settle(end: R | Error): void {
    this.step.settle(end);
  }
}

/**
 * Steps of history, of masks, of cells that are not built yet and other unusual ones are left to be decided alone. So are those
 * that cannot be decided at all: why is found again for each, and told.
 */
async function decideSteps<R, S extends PlainStep<R>>(
  context: Context,
  changes: readonly (readonly StepItem<R, S>[])[],
  answer: AnswerSteps<R, S>,
): Promise<readonly Decisions<R>[]> {
  const decided: Decisions<R>[] = changes.map(() => [undefined]);
  const keys = changes.map(([{ owner }]) => owner);
  const stored = await getAll(context.store, keys);
  const steps = changes.map((own) => own.map(({ step }) => step));
  const now = context.clock();
  const sessions = new SessionRows(stored);
  const cells = new Map<string, number[]>();
  for (let place = 0; place < steps.length; place++) {
    if (!stored[place]) decided[place] = notFound(steps[place]);
    if (!sessions.isPlain(place) || sessions.isExpired(place, now)) continue;
    if (!isUsual(steps[place][0], sessions, place)) continue;
    const cell = sessions.cellOf(place);
    const places = cells.get(cell);
    if (places) places.push(place);
    else cells.set(cell, [place]);
  }
  const group: StepGroup<R, S> = { keys, steps, stored, sessions, decided, answer };
  await Promise.allSettled([...cells.values()].map((places) => stepGroup(context, places, group)));
  return decided;
}

/** Steps of a session that is not there. Those of a sequence may begin it. */
function notFound(steps: readonly PlainStep<unknown>[]): Decisions<never> {
  if (steps.some(({ sequence }) => sequence)) return [undefined];
  const refusal = noSession(steps[0].session);
  return steps.map(() => refusal);
}

/** Decides on the steps of sessions of one version of a cell. */
async function stepGroup<R, S extends PlainStep<R>>(
  context: Context,
  places: readonly number[],
  group: StepGroup<R, S>,
): Promise<void> {
  const [first] = places;
  const cell = await cellOf(context.cells, requireSession('', group.stored[first], 0));
  if (!cell.graph) return stepInBatches(context, cell, places, group);
  // Runs that are asked for side by side share messages to the process of the runtime.
  const each = places.map(async (place) => {
    group.decided[place] = await stepGraph(context, cell, place, group);
  });
  await Promise.all(each);
}
