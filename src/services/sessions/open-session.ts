import type { Weights } from '../../domain/cell-definition.ts';
import { type ExpectedVersion, requireVersion } from '../../domain/conditions.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import { encodeRecord } from '../../domain/record.ts';
import { isExpired, type SessionRecord } from '../../domain/session.ts';
import { BYTES_PER_ELEMENT, type Tensor } from '../../domain/tensor.ts';
import type { StatesGiven } from '../../domain/tensor-literal.ts';
import type { Cell, CellRecord } from '../cells/cell-record.ts';
import { type Pin, pinNow, pinOwn, pinWrites } from '../cells/pin-version.ts';
import type { Decision } from '../changes/decision.ts';
import { readStates } from '../compute/states.ts';
import type { Context } from '../context.ts';
import { cellKey, cellUsesKey, referenceKey, sessionKey } from '../keys.ts';
import { encodeSession } from './session-bytes.ts';
import { historyWrites, readSessionAt, requireHistoryRoom } from './session-history.ts';
import { findSession, type Session } from './session-record.ts';
import { noteSession } from './session-times.ts';
import { cellOf } from './sessions.ts';

export interface NewSession {
  readonly cell: string;
  readonly batch_size: number;
  readonly initial_state?: StatesGiven;
  readonly ttl_seconds?: number;
  /** Steps to keep. */
  readonly history?: number;
  /** Stay on the version that the cell has now. */
  readonly pin_cell_version?: boolean;
  /** Or on a version with weights of its own, where the session is restored. */
  readonly pin?: Pick<CellRecord, 'version' | 'input_shape' | 'variables'> & { readonly weights: Weights };
  /** Take the place of a session of this id that has expired, where the session is restored. */
  readonly replacesExpired?: boolean;
  /** Steps taken before, where the session is restored. */
  readonly step?: number;
  /** The output that it kept, where the session is restored. */
  readonly output?: Tensor;
}

/** Decides on a new session. @throws {Problem} already-exists, invalid-value where there is no such cell, wrong-shape, too-many-pinned-versions */
export async function openSession(
  context: Pick<Context, 'store' | 'clock' | 'newId' | 'limits' | 'cells'>,
  id: string,
  input: NewSession,
): Promise<Decision<Session> | undefined> {
  const { store, clock, cells } = context;
  const before = await findSession(store, id);
  if (before && !(input.replacesExpired && isExpired(before.record, clock()))) throw idTaken(before, clock());
  const cell = await cells.find(input.cell);
  if (!cell) throw fieldProblem('invalid-value', '/cell', `There is no cell '${input.cell}'.`);
  cells.requireSteps(cell);
  const states = await readStates(context, cell, input.initial_state, input.batch_size, '/initial_state');
  const { history = 0, step = 0, output } = input;
  const { outputWidth, outputDtype } = cell.definition;
  const outputBytes = input.batch_size * outputWidth * BYTES_PER_ELEMENT[outputDtype];
  requireHistoryRoom(history, states, outputBytes, context.limits);
  const now = clock();
  const record: SessionRecord = {
    format: 1,
    id,
    uid: context.newId('uid'),
    cell: cell.record.id,
    cell_uid: cell.record.uid,
    cell_version: cell.record.version,
    batch_size: input.batch_size,
    step,
    ttl_seconds: input.ttl_seconds ?? null,
    ...(history > 0 ? { history: { limit: history, oldest: step } } : {}),
    version: 1,
    created_at: now,
    updated_at: now,
  };
  if (input.pin_cell_version && !cell.record.input_shape) {
    const detail = `Cell '${cell.record.id}' is not built, so it has no weights yet to stay on. Build it first, or leave pin_cell_version out.`;
    throw fieldProblem('not-built', '/pin_cell_version', detail);
  }
  const own = input.pin && (await pinOwn(context, cell.record, input.pin, input.pin.weights));
  const pin = own ?? (input.pin_cell_version ? await pinNow(context, cell) : undefined);
  const pinned = pin ? { ...record, pinned: pin.name, cell_version: pin.record.version } : record;
  return beginSession(context, cell, pinned, states, { pin, output, before });
}

/** One that has expired is in no list, so that it is told why its id is taken. */
function idTaken({ record }: Session, now: number): Problem {
  const { id } = record;
  if (!isExpired(record, now)) return new Problem('already-exists', `There is a session '${id}' already.`);
  const detail = `There was a session '${id}', which is answered as expired for a day; its id is taken until then.`;
  return new Problem('already-exists', detail);
}

/**
 * Undefined where the version to pin, or the cell, was changed meanwhile. What the cell knows of the session `before` goes
 * when its time is over (due.ts).
 */
async function beginSession(
  context: Pick<Context, 'store' | 'clock' | 'cells'>,
  cell: Cell,
  record: SessionRecord,
  states: readonly Tensor[],
  { pin, output, before }: { readonly pin?: Pin; readonly output?: Tensor; readonly before?: Session },
): Promise<Decision<Session> | undefined> {
  const [referred] = await Promise.all([refer(context, cell, record, pin), noteSession(context, record)]);
  if (!referred) return undefined;
  const { id, step, cell_version } = record;
  const write = {
    key: sessionKey(id),
    expect: before?.revision ?? null,
    bytes: encodeSession(record, states, output),
  };
  const kept = [{ step, cell_version, states, repeated: output }];
  const writes = [write, ...historyWrites(before?.record, record, kept)];
  return { writes, result: { record, revision: '', states, output } };
}

/**
 * Notes under the cell that a session is open on it, before the session is there: a reference without its session does no
 * harm for long, a session without its reference would let its cell be deleted. The bump of `cell-uses` makes a deletion
 * that has counted the sessions already start over. False where a pin has to be made anew.
 */
async function refer(
  { store, cells }: Pick<Context, 'store' | 'cells'>,
  cell: Cell,
  session: SessionRecord,
  pin: Pin | undefined,
): Promise<boolean> {
  const { id } = cell.record;
  const bytes = encodeRecord({ fields: { at: session.created_at }, tensors: {} });
  for (let { revision } = cell; ; ) {
    const outcome = await store.commit([
      // A pinned version is there as long as its cell is.
      ...(cell.pinned === undefined ? [{ key: cellKey(id), expect: revision }] : []),
      { key: cellUsesKey(id), bytes },
      { key: referenceKey(session), bytes },
      ...(pin ? pinWrites(session, pin) : []),
    ]);
    if (outcome === 'committed') return true;
    if (pin) return false;
    const now = await cells.find(id);
    if (now?.record.uid !== cell.record.uid) throw fieldProblem('invalid-value', '/cell', `There is no cell '${id}'.`);
    revision = now.revision;
  }
}

/**
 * Decides on a new session like another one, at its present step or one that it keeps. It has a history of its own, as
 * long as the other's, which begins there. The expected version is that of the session that is copied.
 * @throws {Problem} not-found, session-expired, version-mismatch, step-not-kept, cell-gone, already-exists
 */
export async function forkSession(
  context: Pick<Context, 'store' | 'clock' | 'newId' | 'limits' | 'cells'>,
  id: string,
  from: { readonly session: string; readonly step?: number; readonly expected?: ExpectedVersion },
): Promise<Decision<Session> | undefined> {
  const { store, clock, cells } = context;
  const now = clock();
  const check = ({ record }: Session) => requireVersion(`Session '${from.session}'`, record.version, from.expected);
  const wanted = { step: from.step, field: '/at_step', check };
  const { session, kept } = await readSessionAt(store, from.session, now, wanted);
  const taken = await findSession(store, id);
  if (taken) throw idTaken(taken, now);
  const cell = await cellOf(cells, session);
  const { step, cell_version, states, repeated } = kept;
  const { history } = session.record;
  const record: SessionRecord = {
    ...session.record,
    id,
    uid: context.newId('uid'),
    cell_version,
    step,
    ...(history ? { history: { limit: history.limit, oldest: step } } : {}),
    version: 1,
    created_at: now,
    updated_at: now,
  };
  const pin =
    cell.pinned === undefined ? undefined : { name: cell.pinned, revision: cell.revision, record: cell.record };
  return beginSession(context, cell, record, states, { pin, output: repeated });
}
