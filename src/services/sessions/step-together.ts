import type { ExpectedVersion } from '../../domain/conditions.ts';
import { requireVersion } from '../../domain/conditions.ts';
import type { BatchedCell } from '../../domain/ports.ts';
import { getAll } from '../../domain/store-calls.ts';
import type { TensorLiteral } from '../../domain/tensor-literal.ts';
import { type Cell, featuresOf } from '../cells/cell-record.ts';
import { type Decision, decideAnd } from '../changes/decision.ts';
import type { OneOfMany } from '../changes/many.ts';
import type { Repeatable } from '../changes/once.ts';
import { requireRoom } from '../compute/prepare-call.ts';
import type { Context } from '../context.ts';
import { sessionKey } from '../keys.ts';
import { RowBatch } from './row-batch.ts';
import { requireSession, type Session } from './session-record.ts';
import { cellOf, nextVersion } from './sessions.ts';
import { type SteppedSession, stepSession } from './step-session.ts';

/** A step of a session with inputs [batch_size, features] and without any option. */
export interface PlainStep<R> {
  readonly session: string;
  readonly inputs: TensorLiteral;
  readonly expected?: ExpectedVersion;
  readonly once?: Repeatable<R>;
  /** Called once: with its answer, or why it was refused. */
  settle(end: R | Error): void;
}

/** The answers to steps. They are made before the commit, so that an answer cannot fail after it. */
export type AnswerSteps<R, S> = (stepped: readonly SteppedSession[], steps: readonly S[]) => readonly (R | Error)[];

/** Sessions of more bytes are stepped alone: they gain little, and would fill the memory. */
const MOST_BYTES = 2 ** 16;

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
  private readonly context: Context;
  private readonly answer: AnswerSteps<R, S>;

  constructor(context: Context, step: S, answer: AnswerSteps<R, S>) {
    this.owner = sessionKey(step.session);
    this.step = step;
    this.once = step.once;
    this.context = context;
    this.answer = answer;
  }

  decide(): Promise<Decision<R> | undefined> {
    const { session, expected, inputs } = this.step;
    const decide = () => stepSession(this.context, session, expected, { inputs, trace: false });
    return decideAnd(decide, (stepped) => {
      const [answer] = this.answer([stepped], [this.step]);
      if (answer instanceof Error) throw answer;
      return answer;
    })();
  }

  settle(end: R | Error): void {
    this.step.settle(end);
  }
}

/** A step whose session was read. */
interface Ride {
  /** Its place among the items. */
  readonly place: number;
  readonly session: Session;
}

type Decided<R> = (Decision<R> | Error | undefined)[];

/** Steps of history, of masks, of cells that are not built yet and other unusual ones are left to be decided alone. */
async function decideSteps<R, S extends PlainStep<R>>(
  context: Context,
  items: readonly StepItem<R, S>[],
  answer: AnswerSteps<R, S>,
): Promise<Decided<R>> {
  const decided: Decided<R> = new Array(items.length).fill(undefined);
  const keys = items.map(({ owner }) => owner);
  const stored = await getAll(context.store, keys).catch(() => undefined);
  // What keeps them from being decided together is found again for each, and told: here, and where a group is rejected.
  if (!stored) return decided;
  const now = context.clock();
  const groups = new Map<string, Ride[]>();
  for (let place = 0; place < items.length; place++) {
    const { session: id, expected } = items[place].step;
    try {
      const value = stored[place];
      // The states are copied into the batch, so the bytes need not be.
      const viewed = value && { revision: value.revision, bytes: value.view ?? value.bytes };
      const session = requireSession(id, viewed, now);
      const { record, output } = session;
      requireVersion(`Session '${id}'`, record.version, expected);
      if (record.history || output || bytesOf(session) > MOST_BYTES) continue;
      const name = `${record.cell} ${record.cell_uid} ${record.pinned ?? ''}`;
      const group = groups.get(name);
      if (group) group.push({ place, session });
      else groups.set(name, [{ place, session }]);
    } catch (error) {
      decided[place] = error as Error;
    }
  }
  const group = { items, decided, answer };
  await Promise.allSettled([...groups.values()].map((rides) => stepGroup(context, rides, group)));
  return decided;
}

function bytesOf({ states }: Session): number {
  return states.reduce((sum, { data }) => sum + data.byteLength, 0);
}

interface Group<R, S extends PlainStep<R>> {
  readonly items: readonly StepItem<R, S>[];
  readonly decided: Decided<R>;
  readonly answer: AnswerSteps<R, S>;
}

/** Decides on the steps of sessions of one version of a cell. */
async function stepGroup<R, S extends PlainStep<R>>(
  context: Context,
  rides: readonly Ride[],
  group: Group<R, S>,
): Promise<void> {
  const cell = await cellOf(context.cells, rides[0].session);
  if (!isPlain(cell)) return;
  const prepared = context.cells.prepare(cell);
  const works = new Map<number, number>();
  const paid: Ride[] = [];
  for (const ride of rides) {
    const { inputs } = group.items[ride.place].step;
    const batch = ride.session.record.batch_size;
    const features = featuresOf(cell.record);
    // A wrong shape is refused in the words of a step that is alone.
    if (inputs.shape.length !== 2 || inputs.shape[0] !== batch || inputs.shape[1] !== features) continue;
    try {
      const work = works.get(batch) ?? requireRoom(context, { cell, inputs, batch, time: 1, trace: false });
      works.set(batch, work);
      context.spendWork(work);
      paid.push(ride);
    } catch (error) {
      group.decided[ride.place] = error as Error;
    }
  }
  await Promise.allSettled(
    batchesOf(paid, prepared.batchRows).map((batch) => stepBatch(context, { cell, prepared }, batch, group)),
  );
}

function isPlain({ definition, record, graph }: Cell): boolean {
  const { computeDtype, step, fixedSteps, inputDims } = definition;
  const isSimple = step !== undefined && fixedSteps === undefined && inputDims === undefined;
  return (
    !graph && record.input_shape !== null && isSimple && (computeDtype === 'float32' || computeDtype === 'float64')
  );
}

/** Cuts rides into batches of at most so many rows, unless a single one has more. */
function batchesOf(rides: readonly Ride[], mostRows: number): Ride[][] {
  const batches: Ride[][] = [];
  let rows = 0;
  for (const ride of rides) {
    const { batch_size: own } = ride.session.record;
    if (batches.length === 0 || rows + own > mostRows) {
      batches.push([]);
      rows = 0;
    }
    batches[batches.length - 1].push(ride);
    rows += own;
  }
  return batches;
}

async function stepBatch<R, S extends PlainStep<R>>(
  context: Pick<Context, 'clock'>,
  { cell, prepared }: { readonly cell: Cell; readonly prepared: BatchedCell },
  rides: readonly Ride[],
  { items, decided, answer }: Group<R, S>,
): Promise<void> {
  const batch = new RowBatch(
    cell,
    rides.reduce((rows, { session }) => rows + session.record.batch_size, 0),
  );
  const aboard = rides.filter(({ place, session }) => batch.add(items[place].step.inputs, session));
  if (aboard.length === 0) return;
  const results = await batch.step(prepared);
  const now = context.clock();
  const { version: cell_version } = cell.record;
  const decisions: Decision<SteppedSession>[] = [];
  for (let k = 0; k < aboard.length; k++) {
    const { session } = aboard[k];
    const stepped = results[k];
    const next = { states: stepped.states, fields: { step: session.record.step + 1, cell_version } };
    const { writes, result } = nextVersion(session, next, now);
    decisions.push({ writes, result: { session: result, stepped } });
  }
  const answers = answer(
    decisions.map(({ result }) => result),
    aboard.map(({ place }) => items[place].step),
  );
  for (let k = 0; k < aboard.length; k++) {
    const end = answers[k];
    decided[aboard[k].place] = end instanceof Error ? end : { writes: decisions[k].writes, result: end };
  }
}
