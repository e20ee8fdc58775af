import { type ExpectedVersion, requireVersion } from '../../domain/conditions.ts';
import type { SessionRecord } from '../../domain/session.ts';
import type { Decision } from '../changes/decision.ts';
import type { Context } from '../context.ts';
import { beginSession, idTaken } from './begin-session.ts';
import { readSessionAt } from './session-history.ts';
import { findSession, type Session } from './session-record.ts';
import { cellOf } from './sessions.ts';

/**
 * Decides on a new session like another one, at its present step or one that it keeps. Its own history has the same length
 * and begins there. The expected version is the version of the copied session.
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
