import { stateShape, type Weights } from '../../domain/cell-definition.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import { isExpired, type SessionRecord } from '../../domain/session.ts';
import { BYTES_PER_ELEMENT, sameShape, type Tensor } from '../../domain/tensor.ts';
import type { StatesGiven } from '../../domain/tensor-literal.ts';
import type { Cell, CellRecord } from '../cells/cell-record.ts';
import { type Pin, pinNow, pinOwn } from '../cells/pin-version.ts';
import type { Decision } from '../changes/decision.ts';
import { readStates } from '../compute/states.ts';
import type { Context } from '../context.ts';
import { beginSession, idTaken } from './begin-session.ts';
import { requireHistoryRoom } from './session-history.ts';
import { findSession, type Session } from './session-record.ts';

export interface NewSession {
  readonly cell: string;
  readonly batch_size: number;
  readonly initial_state?: StatesGiven;
  readonly ttl_seconds?: number;
  /** Steps to keep. */
  readonly history?: number;
  /** Stay on the version that the cell has now. */
  readonly pin_cell_version?: boolean;
}

/** A session as it was when it was saved. */
export interface FormerSession extends Pick<NewSession, 'cell' | 'batch_size' | 'ttl_seconds' | 'history'> {
  readonly states: readonly Tensor[];
  /** Steps taken before. */
  readonly step: number;
  /** The output that it kept. */
  readonly output?: Tensor;
  /** The version of its cell that it stays on, with weights that the cell need not have had. */
  readonly pin?: Pick<CellRecord, 'version' | 'input_shape' | 'variables'> & { readonly weights: Weights };
}

export type OpenContext = Pick<Context, 'store' | 'clock' | 'newId' | 'limits' | 'ops' | 'cells'>;

/**
 * Decides on a new session. @throws {Problem} already-exists, wrong-shape, too-many-pinned-versions; invalid-value if there
 * is no such cell
 */
export async function openSession(
  context: OpenContext,
  id: string,
  input: NewSession,
): Promise<Decision<Session> | undefined> {
  const { store, clock } = context;
  const before = await findSession(store, id);
  if (before) throw idTaken(before, clock());
  const cell = await cellFor(context, input.cell);
  const states = await readStates(context, cell, input.initial_state, input.batch_size, '/initial_state');
  const record = recordOf(context, id, cell, { ...input, states, step: 0 });
  if (!input.pin_cell_version) return beginSession(context, cell, record, states, {});
  if (!cell.record.input_shape) {
    const detail = `Cell '${cell.record.id}' is not built, so it has no weights to pin yet. Build it first, or leave pin_cell_version out.`;
    throw fieldProblem('not-built', '/pin_cell_version', detail);
  }
  const pin = await pinNow(context, cell);
  return beginSession(context, cell, pinnedTo(record, pin), states, { pin });
}

/** Decides on a session as it was saved, which takes the place of one of its id that has expired. @throws {Problem} as openSession */
export async function reopenSession(
  context: OpenContext,
  id: string,
  saved: FormerSession,
): Promise<Decision<Session> | undefined> {
  const { store, clock } = context;
  const before = await findSession(store, id);
  if (before && !isExpired(before.record, clock())) throw idTaken(before, clock());
  const cell = await cellFor(context, saved.cell);
  const { states, output } = saved;
  requireStatesOf(cell, id, saved);
  const record = recordOf(context, id, cell, saved);
  const pin = saved.pin && (await pinOwn(context, cell.record, saved.pin, saved.pin.weights));
  return beginSession(context, cell, pin ? pinnedTo(record, pin) : record, states, { pin, output, before });
}

/** The cell that a session is to be opened on. @throws {Problem} invalid-value, no-single-step */
export async function cellFor({ cells }: OpenContext, id: string): Promise<Cell> {
  const cell = await cells.find(id);
  if (!cell) throw fieldProblem('invalid-value', '/cell', `There is no cell '${id}'.`);
  cells.requireSteps(cell);
  return cell;
}

/** @throws {Problem} wrong-shape if the states were saved from a different cell */
function requireStatesOf({ definition }: Cell, id: string, { cell, states, batch_size }: FormerSession): void {
  const { stateGroups } = definition;
  const fits = ({ dtype, shape }: Tensor, i: number) =>
    i < stateGroups.length &&
    dtype === stateGroups[i].dtype &&
    sameShape(shape, stateShape(stateGroups[i], batch_size));
  if (states.length === stateGroups.length && states.every(fits)) return;
  throw new Problem('wrong-shape', `The states of session '${id}' do not fit cell '${cell}' any more.`);
}

/** The first record of a session. @throws {Problem} limit-exceeded if its history would be too large */
export function recordOf(
  { clock, newId, limits }: OpenContext,
  id: string,
  cell: Cell,
  session: FormerSession,
): SessionRecord {
  const { batch_size, ttl_seconds = null, history = 0, step, states } = session;
  const { outputWidth, outputDtype } = cell.definition;
  requireHistoryRoom(history, states, batch_size * outputWidth * BYTES_PER_ELEMENT[outputDtype], limits);
  const now = clock();
  return {
    format: 1,
    id,
    uid: newId('uid'),
    cell: cell.record.id,
    cell_uid: cell.record.uid,
    cell_version: cell.record.version,
    batch_size,
    step,
    ttl_seconds,
    ...(history > 0 ? { history: { limit: history, oldest: step } } : {}),
    version: 1,
    created_at: now,
    updated_at: now,
  };
}

function pinnedTo(record: SessionRecord, { name, record: { version } }: Pin): SessionRecord {
  return { ...record, pinned: name, cell_version: version };
}
