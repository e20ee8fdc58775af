import { type ExpectedVersion, requireVersion } from '../../domain/conditions.ts';
import { Problem } from '../../domain/problems.ts';
import { oldestStep, type SessionRecord } from '../../domain/session.ts';
import { type Tensor, zeros } from '../../domain/tensor.ts';
import type { StatesGiven } from '../../domain/tensor-literal.ts';
import type { Cell } from '../cells/cell-record.ts';
import { releasePin } from '../cells/pinned-versions.ts';
import type { Decision } from '../changes/decision.ts';
import { readStates } from '../compute/states.ts';
import type { Context } from '../context.ts';
import { referenceKey, sessionKey } from '../keys.ts';
import type { KeptStates } from './kept-step.ts';
import { encodeSession } from './session-bytes.ts';
import { historyDeletes, historyWrites, readKept, readSessionAt } from './session-history.ts';
import { readSession, type Session } from './session-record.ts';

/** The session's cell. @throws {Problem} cell-gone if it was deleted, or if another cell has its id now */
export async function cellOf(cells: Context['cells'], { record }: Session): Promise<Cell> {
  const { cell: id, cell_uid: uid, pinned } = record;
  const cell = await (pinned === undefined ? cells.find(id) : cells.findPinned({ id, uid }, pinned));
  if (cell?.record.uid === uid) return cell;
  throw new Problem('cell-gone', `Cell '${record.cell}' of session '${record.id}' was deleted.`);
}

export interface NextState {
  readonly states: readonly Tensor[];
  readonly fields?: Partial<SessionRecord>;
  /** The output of the last step, if the session uses masks. */
  readonly output?: Tensor;
  /** The step to keep, if the session has a history. */
  readonly kept?: readonly KeptStates[];
  /** The oldest step that is kept from now on, if it does not follow from the length of the history. */
  readonly oldest?: number;
}

/** Decides on the next version of a session, with the states that `next` returns. */
export async function changeSession(
  { store, clock }: Pick<Context, 'store' | 'clock'>,
  id: string,
  expected: ExpectedVersion | undefined,
  next: (session: Session) => Promise<NextState>,
): Promise<Decision<Session>> {
  const session = await readSession(store, id, clock());
  requireVersion(`Session '${id}'`, session.record.version, expected);
  return nextVersion(session, await next(session), clock());
}

export function nextVersion(session: Session, next: NextState, now: number): Decision<Session> {
  const { states, fields, output, kept = [], oldest } = next;
  const { id, version, history } = session.record;
  const changed = { ...session.record, ...fields, version: version + 1, updated_at: now };
  const from = history && (oldest ?? Math.max(history.oldest, changed.step - history.limit));
  const record = history && from !== undefined ? { ...changed, history: { ...history, oldest: from } } : changed;
  const write = { key: sessionKey(id), expect: session.revision, bytes: encodeSession(record, states, output) };
  const writes = history ? [write, ...historyWrites(session.record, record, kept)] : [write];
  return { writes, result: { ...session, record, states, output } };
}

/** Decides on replacing the states of a session. They count as the states after its last step; the step count stays. */
export function putStates(
  context: Pick<Context, 'store' | 'clock' | 'limits' | 'ops' | 'cells'>,
  id: string,
  expected: ExpectedVersion | undefined,
  given: StatesGiven,
): Promise<Decision<Session>> {
  return changeSession(context, id, expected, async (session) => {
    const { record } = session;
    const { step, cell_version } = record;
    const cell = await cellOf(context.cells, session);
    const states = await readStates(context, cell, given, record.batch_size, '/states');
    const before = record.history && (await readKept(context.store, session, step));
    return { states, kept: [{ step, cell_version, states, output: before?.output }] };
  });
}

/** Decides on a reset: zero states, step 0, a new history. */
export function resetSession(
  context: Pick<Context, 'store' | 'clock'>,
  id: string,
  expected: ExpectedVersion | undefined,
): Promise<Decision<Session>> {
  return changeSession(context, id, expected, async ({ record, states: before }) => {
    const states = before.map(({ dtype, shape }) => zeros(dtype, shape));
    return startOver(record, 0, states);
  });
}

/** The session with other states at a step; its history begins anew there. */
export function startOver(
  { cell_version }: SessionRecord,
  step: number,
  states: readonly Tensor[],
  output?: Tensor,
): NextState {
  return { states, output, fields: { step }, oldest: step, kept: [{ step, cell_version, states, repeated: output }] };
}

/** Decides on going back to a kept step. @throws {Problem} step-not-kept */
export async function rewindSession(
  { store, clock }: Pick<Context, 'store' | 'clock'>,
  id: string,
  expected: ExpectedVersion | undefined,
  step: number,
): Promise<Decision<Session>> {
  const check = ({ record }: Session) => requireVersion(`Session '${id}'`, record.version, expected);
  const { session, kept } = await readSessionAt(store, id, clock(), { step, field: '/to_step', check });
  const { states, repeated, cell_version } = kept;
  const next = { states, output: repeated, fields: { step, cell_version }, oldest: oldestStep(session.record) };
  return nextVersion(session, next, clock());
}

/** Decides on ending a session. The cell's entries about it are removed afterwards, or by the sweep (due.ts). */
export async function closeSession(
  { store, clock }: Pick<Context, 'store' | 'clock'>,
  id: string,
  expected: ExpectedVersion | undefined,
): Promise<Decision<Session>> {
  const session = await readSession(store, id, clock());
  requireVersion(`Session '${id}'`, session.record.version, expected);
  return endSession(store, session);
}

/** Decides on ending a session as it was read. */
export function endSession(store: Context['store'], session: Session): Decision<Session> {
  const { record, revision } = session;
  const write = { key: sessionKey(record.id), expect: revision, delete: true } as const;
  return {
    writes: [write, ...historyDeletes(record)],
    result: session,
    afterwards: () => dropReference(store, record),
  };
}

/** Removes the entries about an ended session from its cell and its pinned version. */
async function dropReference(store: Context['store'], session: SessionRecord): Promise<void> {
  await store.commit([{ key: referenceKey(session), delete: true }]);
  await releasePin(store, session);
}
