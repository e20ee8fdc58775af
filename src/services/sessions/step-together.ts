import type { ExpectedVersion } from '../../domain/conditions.ts';
import type { BatchedCell, StoredValue } from '../../domain/ports.ts';
import { getAll } from '../../domain/store-calls.ts';
import type { TensorLiteral } from '../../domain/tensor-literal.ts';
import { type Cell, featuresOf } from '../cells/cell-record.ts';
import { type Decision, decideAnd } from '../changes/decision.ts';
import type { OneOfMany, Within } from '../changes/many.ts';
import type { Repeatable } from '../changes/once.ts';
import { requireRoom } from '../compute/prepare-call.ts';
import type { Stepped } from '../compute/step-cell.ts';
import type { Context } from '../context.ts';
import { sessionKey } from '../keys.ts';
import { RowBatch } from './row-batch.ts';
import { requireSession } from './session-record.ts';
import { SessionRows } from './session-rows.ts';
import { cellOf, nextVersion } from './sessions.ts';
import { takeGraphStep } from './step-graph.ts';
import { type SequenceStep, stepSequence } from './step-sequence.ts';
import { type SteppedSession, stepSession } from './step-session.ts';

/** A step of a session with inputs [batch_size, features] and without any option but one. */
export interface PlainStep<R> {
  readonly session: string;
  readonly inputs: TensorLiteral;
  /** Whether its answer has the states too. */
  readonly return_states: boolean;
  readonly expected?: ExpectedVersion;
  readonly once?: Repeatable<R>;
  readonly within?: Within;
  /** Set if it is a step of a sequence; one that begins or ends it is decided alone. */
  readonly sequence?: SequenceStep;
  /** Called once: with its answer, or why it was refused. */
  settle(end: R | Error): void;
}

/** What a step is answered with. */
export interface StepAnswer {
  readonly step: number;
  readonly version: number;
  readonly cell_version: number;
  /** Without states if the step did not ask for them. */
  readonly stepped: Stepped;
}

export function answerOf({ session: { record }, stepped }: SteppedSession): StepAnswer {
  const { step, version, cell_version } = record;
  return { step, version, cell_version, stepped };
}

/** The answers to steps. They are made before the commit, so that an answer cannot fail after it. */
export type AnswerSteps<R, S> = (stepped: readonly StepAnswer[], steps: readonly S[]) => readonly (R | Error)[];

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

type Decided<R> = (Decision<R> | Error | undefined)[];

/** Steps that are decided together, each under its place. What is left undecided is decided alone. */
interface Group<R, S extends PlainStep<R>> {
  readonly items: readonly StepItem<R, S>[];
  readonly stored: readonly (StoredValue | undefined)[];
  readonly sessions: SessionRows;
  readonly decided: Decided<R>;
  readonly answer: AnswerSteps<R, S>;
}

/**
 * Steps of history, of masks, of cells that are not built yet and other unusual ones are left to be decided alone. So are those
 * that cannot be decided at all: why is found again for each, and told.
 */
async function decideSteps<R, S extends PlainStep<R>>(
  context: Context,
  items: readonly StepItem<R, S>[],
  answer: AnswerSteps<R, S>,
): Promise<Decided<R>> {
  const decided: Decided<R> = new Array(items.length).fill(undefined);
  const keys = items.map(({ owner }) => owner);
  const stored = await getAll(context.store, keys).catch(() => undefined);
  if (!stored) return decided;
  const now = context.clock();
  const sessions = new SessionRows(stored);
  const cells = new Map<string, number[]>();
  for (let place = 0; place < items.length; place++) {
    if (!sessions.isPlain(place) || sessions.isExpired(place, now)) continue;
    const { expected, sequence } = items[place].step;
    if (sequence && (sequence.start || sequence.end || !sessions.follows(place, sequence.cell))) continue;
    if (expected && !expected.versions.includes(sessions.number(place, 'version'))) continue;
    const cell = sessions.cellOf(place);
    const places = cells.get(cell);
    if (places) places.push(place);
    else cells.set(cell, [place]);
  }
  const group: Group<R, S> = { items, stored, sessions, decided, answer };
  await Promise.allSettled([...cells.values()].map((places) => stepGroup(context, places, group)));
  return decided;
}

/** Decides on the steps of sessions of one version of a cell. */
async function stepGroup<R, S extends PlainStep<R>>(
  context: Context,
  places: readonly number[],
  group: Group<R, S>,
): Promise<void> {
  const [first] = places;
  const cell = await cellOf(context.cells, requireSession('', group.stored[first], 0));
  if (cell.graph) await Promise.all(places.map((place) => stepGraph(context, cell, place, group)));
  if (!isPlain(cell)) return;
  const prepared = context.cells.prepare(cell);
  const batches = boarded(context, cell, places, { ...group, mostRows: prepared.batchRows });
  await Promise.allSettled(batches.map((batch) => stepBatch(context, { cell, prepared }, batch, group)));
}

function isPlain({ definition, record, graph }: Cell): boolean {
  const { computeDtype, step, fixedSteps, inputDims } = definition;
  const isSimple = step !== undefined && fixedSteps === undefined && inputDims === undefined;
  return (
    !graph && record.input_shape !== null && isSimple && (computeDtype === 'float32' || computeDtype === 'float64')
  );
}

/** Has a run of its own. Runs that are asked for side by side share messages to the process of the runtime. */
async function stepGraph<R, S extends PlainStep<R>>(
  context: Context,
  cell: Cell,
  place: number,
  { items, stored, decided, answer }: Group<R, S>,
): Promise<void> {
  try {
    const item = items[place].step;
    const session = requireSession(item.session, stored[place], 0);
    const { next, stepped } = await takeGraphStep(context, session, cell, { inputs: item.inputs, trace: false });
    const { writes, result } = nextVersion(session, next, context.clock());
    const { step, version, cell_version } = result.record;
    const [end] = answer([{ step, version, cell_version, stepped }], [item]);
    decided[place] = end instanceof Error ? end : { writes, result: end };
  } catch (error) {
    decided[place] = error as Error;
  }
}

/** Steps that are computed as one. */
interface Boarded {
  readonly rows: RowBatch;
  readonly places: number[];
}

/** Batches of at most so many rows, unless a single step has more. Each step is paid for once it is in one. */
function boarded<R, S extends PlainStep<R>>(
  context: Context,
  cell: Cell,
  places: readonly number[],
  { items, sessions, decided, mostRows }: Group<R, S> & { readonly mostRows: number },
): Boarded[] {
  const features = featuresOf(cell.record);
  const works = new Map<number, number>();
  const batches: Boarded[] = [];
  let room = 0;
  let left = places.reduce((sum, place) => sum + sessions.number(place, 'batch_size'), 0);
  for (const place of places) {
    const { inputs } = items[place].step;
    const own = sessions.number(place, 'batch_size');
    left -= own;
    // A wrong shape is refused in the words of a step that is alone.
    if (inputs.shape.length !== 2 || inputs.shape[0] !== own || inputs.shape[1] !== features) continue;
    if (!sessions.fits(place, cell.definition)) continue;
    if (own > room) {
      room = Math.max(own, Math.min(mostRows, own + left));
      batches.push({ rows: new RowBatch(cell, room), places: [] });
    }
    const batch = batches[batches.length - 1];
    if (!batch.rows.add(inputs, sessions, place)) continue;
    try {
      const work = works.get(own) ?? requireRoom(context, { cell, inputs, batch: own, time: 1, trace: false });
      works.set(own, work);
      context.spendWork(work);
      batch.places.push(place);
      room -= own;
    } catch (error) {
      batch.rows.takeOff();
      decided[place] = error as Error;
    }
  }
  return batches.filter((batch) => batch.places.length > 0);
}

async function stepBatch<R, S extends PlainStep<R>>(
  context: Pick<Context, 'clock'>,
  { cell, prepared }: { readonly cell: Cell; readonly prepared: BatchedCell },
  { rows, places }: Boarded,
  { items, stored, sessions, decided, answer }: Group<R, S>,
): Promise<void> {
  const results = await rows.step(prepared);
  const updated_at = context.clock();
  const { version: cell_version } = cell.record;
  const steps: S[] = [];
  const stepped: StepAnswer[] = [];
  for (let k = 0; k < places.length; k++) {
    const place = places[k];
    const item = items[place].step;
    const version = sessions.number(place, 'version') + 1;
    const step = sessions.number(place, 'step') + 1;
    const numbers = { version, step, cell_version, updated_at };
    sessions.advance(place, numbers, cell.definition, results.rowsOf(k));
    steps.push(item);
    stepped.push({ step, version, cell_version, stepped: results.steppedOf(k, item.return_states) });
  }
  const answers = answer(stepped, steps);
  for (let k = 0; k < places.length; k++) {
    const place = places[k];
    const result = answers[k];
    if (result instanceof Error) {
      decided[place] = result;
      continue;
    }
    const write = { key: items[place].owner, expect: stored[place]!.revision, bytes: sessions.record(place) };
    decided[place] = { writes: [write], result };
  }
}
