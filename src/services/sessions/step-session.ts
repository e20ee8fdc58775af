import { type ExpectedVersion, requireVersion } from '../../domain/conditions.ts';
import type { Training } from '../../domain/ports.ts';
import { fieldProblem } from '../../domain/problems.ts';
import { formatShape, type Tensor } from '../../domain/tensor.ts';
import type { TensorInput, TensorLiteral } from '../../domain/tensor-literal.ts';
import type { Cell } from '../cells/cell-record.ts';
import type { CellReader } from '../cells/cells.ts';
import type { Changer } from '../changes/change.ts';
import type { Decision } from '../changes/decision.ts';
import { readMask } from '../compute/run-sequence.ts';
import type { Stepped } from '../compute/run-steps.ts';
import { readBuilt, readInputs, readMaskTensor, requireFeatures, trainingFor } from '../compute/step-inputs.ts';
import type { Context } from '../context.ts';
import { advanceKeeping } from './advance-keeping.ts';
import { type Advance, advance } from './advance-session.ts';
import { readSession, type Session } from './session-record.ts';
import { cellOf, nextVersion } from './sessions.ts';

export interface SessionStepRequest {
  readonly inputs: TensorInput;
  /** [batch, time]; of a single step [batch]. */
  readonly mask?: TensorLiteral;
  readonly trace: boolean;
  readonly training?: Training;
}

export interface SteppedSession {
  readonly session: Session;
  readonly stepped: Stepped;
}

type Needs = Pick<Context, 'store' | 'clock' | 'initialize' | 'limits'>;

/**
 * Decides on the next step of a session, or on as many as inputs [batch, time, features] has: all of them or none. Always
 * forward in time, as the session lives in time.
 * @throws {Problem} not-found, session-expired, cell-gone, version-mismatch, wrong-shape
 */
export async function stepSession(
  context: Needs,
  cells: CellReader,
  changer: Changer,
  id: string,
  expected: ExpectedVersion | undefined,
  request: SessionStepRequest,
): Promise<Decision<SteppedSession>> {
  const session = await readSession(context.store, id, context.clock());
  const { record } = session;
  requireVersion(`Session '${id}'`, record.version, expected);
  const found = await cellOf(cells, session);
  const inputs = await readInputs(context, found, request.inputs, [2, 3]);
  const { batch, time } = extentOf(inputs, found);
  if (batch !== record.batch_size) {
    const sent = `'inputs' has shape ${formatShape(inputs.shape)}, so a batch of ${batch}`;
    const detail = `${sent}; session '${id}' has batch size ${record.batch_size}.`;
    throw fieldProblem('wrong-shape', '/inputs', detail);
  }
  // Whatever is wrong with the request is found before the cell is built by it.
  const mask = readMask(readMaskTensor(request.mask, inputs.shape.length === 2), undefined, batch, time);
  const training = trainingFor(found, request.training);
  const cell = await readBuilt(context, cells, changer, found, inputs, batch, time, request.trace);
  requireFeatures(cell, inputs);
  const call: Advance = { context, cells, cell, batch, time, options: { trace: request.trace, training } };
  const next = await (record.history ? advanceKeeping : advance)(call, session, inputs, mask);
  const fields = { step: record.step + time, cell_version: cell.record.version };
  const { writes, result } = nextVersion(session, { ...next, fields }, context.clock());
  return { writes, result: { session: result, stepped: next.stepped } };
}

function extentOf({ shape }: Tensor, { definition }: Cell): { batch: number; time: number } {
  if (shape.length === 2) return { batch: shape[0], time: 1 };
  return definition.layout.timeMajor ? { batch: shape[1], time: shape[0] } : { batch: shape[0], time: shape[1] };
}
