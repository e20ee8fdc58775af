import type { BatchedCell, StoredValue } from '../../domain/ports.ts';
import type { Cell } from '../cells/cell-record.ts';
import type { Decisions } from '../changes/one-of-many.ts';
import type { StateRows } from '../compute/row-batch.ts';
import { type Boarded, RowBatches, takesRows } from '../compute/row-batches.ts';
import type { Context } from '../context.ts';
import type { AnswerSteps, PlainStep, StepAnswer } from './plain-step.ts';
import type { SessionRows } from './session-rows.ts';

/** Steps that are decided together: under each place those of one session, which follow one another. */
export interface StepGroup<R, S extends PlainStep<R>> {
  /** The keys of the sessions. */
  readonly keys: readonly string[];
  readonly steps: readonly (readonly S[])[];
  readonly stored: readonly (StoredValue | undefined)[];
  readonly sessions: SessionRows;
  readonly decided: Decisions<R>[];
  readonly answer: AnswerSteps<R, S>;
}

/** Whether a step can be decided together with others, as the one that follows `before` steps that are. */
export function isUsual(
  { expected, sequence }: Pick<PlainStep<unknown>, 'expected' | 'sequence'>,
  sessions: SessionRows,
  place: number,
  before = 0,
): boolean {
  if (sequence && (sequence.start || sequence.end || !sessions.follows(place, sequence.cell))) return false;
  return expected?.versions.includes(sessions.number(place, 'version') + before) ?? true;
}

/** Decides on the first steps of sessions of one version of a cell: computes them in batches. Other cells are left alone. */
export async function stepInBatches<R, S extends PlainStep<R>>(
  context: Context,
  cell: Cell,
  places: readonly number[],
  group: StepGroup<R, S>,
): Promise<void> {
  if (!takesRows(cell)) return;
  const prepared = context.cells.prepare(cell);
  const batches = boarded(context, cell, places, { ...group, mostRows: prepared.batchRows });
  await Promise.allSettled(batches.map((batch) => stepBatch(context, { cell, prepared }, batch, group)));
}

/** Puts the steps in batches. A step that is refused is decided. */
function boarded<R, S extends PlainStep<R>>(
  context: Context,
  cell: Cell,
  places: readonly number[],
  { steps, sessions, decided, mostRows }: StepGroup<R, S> & { readonly mostRows: number },
): readonly Boarded<number>[] {
  const { definition } = cell;
  const rows = places.reduce((sum, place) => sum + sessions.number(place, 'batch_size'), 0);
  const batches = new RowBatches<number>(context, cell, { mostRows, rows });
  for (const place of places) {
    const [{ inputs }] = steps[place];
    const load = (into: StateRows) => {
      if (!sessions.fits(place, definition)) return false;
      sessions.load(place, definition, into);
      return true;
    };
    try {
      batches.add(place, { inputs, rows: sessions.number(place, 'batch_size') }, load);
    } catch (error) {
      decided[place] = [error as Error];
    }
  }
  return batches.boarded;
}

async function stepBatch<R, S extends PlainStep<R>>(
  context: Pick<Context, 'clock'>,
  { cell, prepared }: { readonly cell: Cell; readonly prepared: BatchedCell },
  { rows, items: places }: Boarded<number>,
  { keys, steps, stored, sessions, decided, answer }: StepGroup<R, S>,
): Promise<void> {
  const results = await rows.step(prepared);
  const updated_at = context.clock();
  const { version: cell_version } = cell.record;
  const firsts: S[] = [];
  const stepped: StepAnswer[] = [];
  for (let k = 0; k < places.length; k++) {
    const place = places[k];
    const [first] = steps[place];
    const version = sessions.number(place, 'version') + 1;
    const step = sessions.number(place, 'step') + 1;
    const numbers = { version, step, cell_version, updated_at };
    sessions.advance(place, numbers, cell.definition, results.rowsOf(k));
    firsts.push(first);
    stepped.push({ step, version, cell_version, stepped: results.steppedOf(k, first.return_states) });
  }
  const answers = answer(stepped, firsts);
  for (let k = 0; k < places.length; k++) {
    const place = places[k];
    const result = answers[k];
    if (result instanceof Error) {
      decided[place] = [result];
      continue;
    }
    const write = { key: keys[place], expect: stored[place]!.revision, bytes: sessions.record(place) };
    decided[place] = [{ writes: [write], result }];
  }
}
