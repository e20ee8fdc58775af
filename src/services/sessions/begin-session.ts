import { fieldProblem, Problem } from '../../domain/problems.ts';
import { encodeRecord } from '../../domain/record.ts';
import { isExpired, type SessionRecord } from '../../domain/session.ts';
import type { Tensor } from '../../domain/tensor.ts';
import type { Cell } from '../cells/cell-record.ts';
import { type Pin, pinWrites } from '../cells/pin-version.ts';
import type { Decision } from '../changes/decision.ts';
import type { Context } from '../context.ts';
import { cellKey, cellUsesKey, referenceKey, sessionKey } from '../keys.ts';
import { encodeSession } from './session-bytes.ts';
import { historyWrites } from './session-history.ts';
import type { Session } from './session-record.ts';
import { noteSession } from './session-times.ts';

/** One that has expired is in no list, so that it is told why its id is taken. */
export function idTaken({ record }: Session, now: number): Problem {
  const { id } = record;
  if (!isExpired(record, now)) return new Problem('already-exists', `There is a session '${id}' already.`);
  const detail = `Session '${id}' has expired, and its id stays taken for a day after that. Choose another id.`;
  return new Problem('already-exists', detail);
}

/**
 * Undefined if the cell or the version to pin has changed meanwhile. The sweep removes the cell's entries about the session
 * `before` (due.ts).
 */
export async function beginSession(
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
 * Writes under the cell that a session is open on it, before the session exists. A reference without a session is harmless
 * and temporary, but a session without a reference would allow deleting its cell. The change of `cell-uses` makes a running
 * deletion count again. False if the pin has to be made again.
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
