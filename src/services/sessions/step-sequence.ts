import { fieldProblem, Problem } from '../../domain/problems.ts';
import { isExpired } from '../../domain/session.ts';
import type { StatesGiven } from '../../domain/tensor-literal.ts';
import type { Decision } from '../changes/decision.ts';
import type { CallContext } from '../compute/prepare-call.ts';
import { readStates } from '../compute/states.ts';
import { sessionKey } from '../keys.ts';
import { beginSession } from './begin-session.ts';
import { cellFor, type OpenContext, recordOf } from './open-session.ts';
import { findSession, requireSession, type Session } from './session-record.ts';
import { noteSession } from './session-times.ts';
import { endSession, nextVersion } from './sessions.ts';
import { type SessionStepRequest, type SteppedSession, takeStep } from './step-session.ts';

/** A request of a sequence: a session that begins with its first request and ends with its last. */
export interface SequenceStep extends SessionStepRequest {
  readonly cell: string;
  /** How messages name the sequence. */
  readonly name: string;
  readonly end: boolean;
  /** Set for the first request. It replaces any session with this id. */
  readonly start?: {
    readonly batch_size: number;
    readonly ttl_seconds: number;
    readonly initial_state?: StatesGiven;
  };
}

type SequenceContext = CallContext & OpenContext;

/**
 * Decides on the next request of a sequence.
 * @throws {Problem} sequence-not-started, session-expired, already-exists, or as stepSession
 */
export function stepSequence(
  context: SequenceContext,
  id: string,
  request: SequenceStep,
): Promise<Decision<SteppedSession> | undefined> {
  return request.start ? begin(context, id, request, request.start) : goOn(context, id, request);
}

async function goOn(
  context: SequenceContext,
  id: string,
  { cell, name, end, ...request }: SequenceStep,
): Promise<Decision<SteppedSession>> {
  const { store, clock } = context;
  const stored = await store.get(sessionKey(id));
  if (!stored) {
    const detail = `${name} of cell '${cell}' has not begun, or has ended. Send sequence_start: true with its first request.`;
    throw fieldProblem('sequence-not-started', '/parameters/sequence_start', detail);
  }
  const session = requireSession(id, stored, clock());
  requireSequence(session, cell);
  const { next, stepped } = await takeStep(context, session, request);
  const { writes, result } = nextVersion(session, next, clock());
  const changed = { session: result, stepped };
  return end ? { ...endSession(store, session), result: changed } : { writes, result: changed };
}

/** The session is written with the states after its first step, so it never exists without that step. */
async function begin(
  context: SequenceContext,
  id: string,
  { end, ...request }: SequenceStep,
  { initial_state, ...options }: NonNullable<SequenceStep['start']>,
): Promise<Decision<SteppedSession> | undefined> {
  const { store, clock } = context;
  const before = await findSession(store, id);
  const live = before && !isExpired(before.record, clock()) ? before : undefined;
  if (live) requireSequence(live, request.cell);
  const cell = await cellFor(context, request.cell);
  const states = await readStates(context, cell, initial_state, options.batch_size, '/states');
  const fresh = recordOf(context, id, cell, { cell: request.cell, ...options, states, step: 0 });
  // The cell's entries about a session are under its uid.
  const same = live?.record.cell_uid === cell.record.uid ? live.record : undefined;
  const record = same ? { ...fresh, uid: same.uid, version: same.version, created_at: same.created_at } : fresh;
  const session: Session = { record, revision: before?.revision ?? '', states };
  const { next, stepped } = await takeStep(context, session, request);
  const { result } = nextVersion(session, next, clock());
  const changed = { session: result, stepped };
  if (!end) {
    // The first step may have built the cell.
    const built = await cellFor(context, request.cell);
    const begun = await beginSession(context, built, result.record, next.states, { output: next.output, before });
    return begun && { ...begun, result: changed };
  }
  if (before) return { ...endSession(store, before), result: changed };
  // The sweep removes the kept outcome of its request, although the session never existed.
  await noteSession(context, record);
  return { writes: [], result: changed };
}

/** @throws {Problem} already-exists if the id belongs to a session that is not a sequence */
function requireSequence({ record: { id, cell, history, pinned } }: Session, own: string): void {
  if (cell === own && !history && pinned === undefined) return;
  const detail = `Session '${id}' has the id of this sequence, but was opened otherwise. Delete it, or choose another sequence_id.`;
  throw new Problem('already-exists', detail);
}
