import { fieldProblem, Problem } from '../domain/problems.ts';
import { encodeRecord } from '../domain/record.ts';
import type { SessionRecord } from '../domain/session.ts';
import { type Tensor, zeros } from '../domain/tensor.ts';
import type { StatesGiven } from '../domain/tensor-literal.ts';
import { type Cell, cellKey } from './cell-record.ts';
import type { CellReader } from './cells.ts';
import type { Decision } from './change.ts';
import { requireVersion } from './conditions.ts';
import type { Context } from './context.ts';
import { encodeSession, readSession, referenceKey, type Session, sessionKey } from './session-record.ts';
import { readStates } from './states.ts';

export interface NewSession {
  readonly cell: string;
  readonly batch_size: number;
  readonly initial_state?: StatesGiven;
  readonly ttl_seconds?: number;
  /** Steps taken before, where the session is restored. */
  readonly step?: number;
  /** The output that it kept, where the session is restored. */
  readonly output?: Tensor;
}

/** Decides on a new session. @throws {Problem} already-exists, invalid-value where there is no such cell, wrong-shape */
export async function openSession(
  context: Pick<Context, 'store' | 'clock' | 'newId' | 'limits'>,
  cells: CellReader,
  id: string,
  input: NewSession,
): Promise<Decision<Session>> {
  const { store, clock } = context;
  if (await store.get(sessionKey(id))) throw new Problem('already-exists', `There is a session '${id}' already.`);
  const cell = await cells.find(input.cell);
  if (!cell) throw fieldProblem('invalid-value', '/cell', `There is no cell '${input.cell}'.`);
  cells.requireSteps(cell);
  const states = await readStates(context, cell, input.initial_state, input.batch_size, '/initial_state');
  const now = clock();
  const record: SessionRecord = {
    format: 1,
    id,
    uid: context.newId('uid'),
    cell: cell.record.id,
    cell_uid: cell.record.uid,
    cell_version: cell.record.version,
    batch_size: input.batch_size,
    step: input.step ?? 0,
    ttl_seconds: input.ttl_seconds ?? null,
    version: 1,
    created_at: now,
    updated_at: now,
  };
  await refer(context, cells, cell, record);
  const write = { key: sessionKey(id), expect: null, bytes: encodeSession(record, states, input.output) };
  return { writes: [write], result: { record, revision: '', states, output: input.output } };
}

/**
 * Notes under the cell that a session is open on it, before the session is there: a reference without its session does no
 * harm for long, a session without its reference would let its cell be deleted. The bump of `cell-uses` makes a deletion
 * that has counted the sessions already start over.
 */
async function refer(
  { store }: Pick<Context, 'store'>,
  cells: CellReader,
  cell: Cell,
  session: SessionRecord,
): Promise<void> {
  const { id } = cell.record;
  const bytes = encodeRecord({ fields: { at: session.created_at }, tensors: {} });
  for (let { revision } = cell; ; ) {
    const outcome = await store.commit([
      { key: cellKey(id), expect: revision },
      { key: cellUsesKey(id), bytes },
      { key: referenceKey(session), bytes },
    ]);
    if (outcome === 'committed') return;
    const now = await cells.find(id);
    if (now?.record.uid !== cell.record.uid) throw fieldProblem('invalid-value', '/cell', `There is no cell '${id}'.`);
    revision = now.revision;
  }
}

/** Changes when a session is opened on the cell. */
export function cellUsesKey(cell: string): string {
  return `cell-uses/${cell}`;
}

/** The session's cell. @throws {Problem} cell-gone where it was deleted, or another one has its id now. */
export async function cellOf(cells: CellReader, { record }: Session): Promise<Cell> {
  const cell = await cells.find(record.cell);
  if (cell?.record.uid === record.cell_uid) return cell;
  throw new Problem('cell-gone', `Cell '${record.cell}' of session '${record.id}' was deleted.`);
}

export interface NextState {
  readonly states: readonly Tensor[];
  readonly fields?: Partial<SessionRecord>;
  /** The output of the last step, where the session uses masks. */
  readonly output?: Tensor;
}

/** Decides on the next version of a session, on the states that `next` gives. */
export async function changeSession(
  { store, clock }: Pick<Context, 'store' | 'clock'>,
  id: string,
  ifMatch: number | undefined,
  next: (session: Session) => Promise<NextState>,
): Promise<Decision<Session>> {
  const session = await readSession(store, id, clock());
  requireVersion(`Session '${id}'`, session.record.version, ifMatch);
  const { states, fields, output } = await next(session);
  const { version } = session.record;
  const record = { ...session.record, ...fields, version: version + 1, updated_at: clock() };
  const write = { key: sessionKey(id), expect: session.revision, bytes: encodeSession(record, states, output) };
  return { writes: [write], result: { ...session, record, states, output } };
}

/** Decides on putting states into a session; its step count stays. */
export function putStates(
  context: Pick<Context, 'store' | 'clock' | 'limits'>,
  cells: CellReader,
  id: string,
  ifMatch: number | undefined,
  given: StatesGiven,
): Promise<Decision<Session>> {
  return changeSession(context, id, ifMatch, async (session) => {
    const cell = await cellOf(cells, session);
    return { states: await readStates(context, cell, given, session.record.batch_size, '/states') };
  });
}

/** Decides on zero states and step 0. */
export function resetSession(
  context: Pick<Context, 'store' | 'clock'>,
  id: string,
  ifMatch: number | undefined,
): Promise<Decision<Session>> {
  return changeSession(context, id, ifMatch, async ({ states }) => {
    return { states: states.map(({ dtype, shape }) => zeros(dtype, shape)), fields: { step: 0 } };
  });
}

/** Decides on ending a session. Its reference under the cell is dropped afterwards, by `dropReference`. */
export async function closeSession(
  { store, clock }: Pick<Context, 'store' | 'clock'>,
  id: string,
  ifMatch: number | undefined,
): Promise<Decision<Session>> {
  const session = await readSession(store, id, clock());
  requireVersion(`Session '${id}'`, session.record.version, ifMatch);
  return { writes: [{ key: sessionKey(id), expect: session.revision, delete: true }], result: session };
}
