import { type ExpectedVersion, requireVersion } from '../../domain/conditions.ts';
import { fieldProblem } from '../../domain/problems.ts';
import type { Decision } from '../changes/decision.ts';
import { type GivenInputs, soleInput } from '../compute/graph-inputs.ts';
import { type CallContext, type CallRequest, prepareCall } from '../compute/prepare-call.ts';
import type { Stepped } from '../compute/step-cell.ts';
import { readSession, type Session } from './session-record.ts';
import { cellOf, type NextState, nextVersion } from './sessions.ts';
import { stepAtOnce } from './step-at-once.ts';
import { takeGraphStep } from './step-graph.ts';
import { stepOneByOne } from './step-one-by-one.ts';

export type SessionStepRequest = GivenInputs & Pick<CallRequest, 'mask' | 'trace' | 'training'>;

export interface SteppedSession {
  readonly session: Session;
  readonly stepped: Stepped;
}

/**
 * Decides on the next step of a session, or on all steps of inputs [batch, time, features], or none of them. A session always
 * goes forward in time.
 * @throws {Problem} not-found, session-expired, cell-gone, version-mismatch, wrong-shape
 */
export async function stepSession(
  context: CallContext,
  id: string,
  expected: ExpectedVersion | undefined,
  request: SessionStepRequest,
): Promise<Decision<SteppedSession>> {
  const session = await readSession(context.store, id, context.clock());
  requireVersion(`Session '${id}'`, session.record.version, expected);
  const { next, stepped } = await takeStep(context, session, request);
  const { writes, result } = nextVersion(session, next, context.clock());
  return { writes, result: { session: result, stepped } };
}

/** The result of the next step or steps of a session. Nothing is written. @throws {Problem} cell-gone, wrong-shape */
export async function takeStep(
  context: CallContext,
  session: Session,
  request: SessionStepRequest,
): Promise<{ readonly next: NextState; readonly stepped: Stepped }> {
  const { record } = session;
  const cell = await cellOf(context.cells, session);
  if (cell.graph) return takeGraphStep(context, session, cell, request);
  const given = { ...request, inputs: soleInput(request, cell.record.id) };
  const call = await prepareCall(context, cell, given, {
    forms: ['step', 'sequence'],
    states(batch) {
      if (batch === record.batch_size) return session.states;
      const detail = `'inputs' has a batch of ${batch}; session '${record.id}' has batch size ${record.batch_size}. Send as many rows.`;
      throw fieldProblem('wrong-shape', '/inputs', detail);
    },
  });
  const next = await (record.history ? stepOneByOne : stepAtOnce)(context, call, session);
  const fields = { step: record.step + call.time, cell_version: call.cell.record.version };
  return { next: { ...next, fields }, stepped: next.stepped };
}
