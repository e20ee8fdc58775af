import type { Training } from '../domain/ports.ts';
import { fieldProblem } from '../domain/problems.ts';
import { formatShape, Tensor, zeros } from '../domain/tensor.ts';
import type { TensorInput, TensorLiteral } from '../domain/tensor-literal.ts';
import type { Cell } from './cell-record.ts';
import type { CellReader } from './cells.ts';
import type { Changer, Decision } from './change.ts';
import type { Context } from './context.ts';
import { readMask, runSequence, type SequenceOptions } from './run-sequence.ts';
import { runStep, type Stepped } from './run-steps.ts';
import type { Session } from './session-record.ts';
import { cellOf, changeSession, type NextState } from './sessions.ts';
import { readBuilt, readInputs, readMaskTensor, requireFeatures, trainingFor } from './step-inputs.ts';

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
  ifMatch: number | undefined,
  request: SessionStepRequest,
): Promise<Decision<SteppedSession>> {
  let stepped: Stepped | undefined;
  const { writes, result } = await changeSession(context, id, ifMatch, async (session) => {
    const found = await cellOf(cells, session);
    const inputs = await readInputs(context, found, request.inputs, [2, 3]);
    const { batch, time } = extentOf(inputs, found);
    if (batch !== session.record.batch_size) {
      const sent = `'inputs' has shape ${formatShape(inputs.shape)}, so a batch of ${batch}`;
      const detail = `${sent}; session '${id}' has batch size ${session.record.batch_size}.`;
      throw fieldProblem('wrong-shape', '/inputs', detail);
    }
    // Whatever is wrong with the request is found before the cell is built by it.
    const mask = readMask(readMaskTensor(request.mask, inputs.shape.length === 2), undefined, batch, time);
    const training = trainingFor(found, request.training);
    const cell = await readBuilt(context, cells, changer, found, inputs, batch, time);
    requireFeatures(cell, inputs);
    const next = await advance(context, cells, cell, session, inputs, mask, { trace: request.trace, training });
    stepped = next.stepped;
    return { ...next, fields: { step: session.record.step + time, cell_version: cell.record.version } };
  });
  return { writes, result: { session: result, stepped: stepped as Stepped } };
}

function extentOf({ shape }: Tensor, { definition }: Cell): { batch: number; time: number } {
  if (shape.length === 2) return { batch: shape[0], time: 1 };
  return definition.layout.timeMajor ? { batch: shape[1], time: shape[0] } : { batch: shape[0], time: shape[1] };
}

async function advance(
  context: Needs,
  cells: CellReader,
  cell: Cell,
  session: Session,
  inputs: Tensor,
  mask: Uint8Array | undefined,
  options: { readonly trace: boolean; readonly training?: Training },
): Promise<NextState & { stepped: Stepped }> {
  const single = inputs.shape.length === 2;
  if (single && !mask && !session.output) {
    const stepped = await runStep(context, cell, cells.prepare(cell), inputs, session.states, options);
    return { states: stepped.states, stepped };
  }
  const { layout, sequenceDefaults } = cell.definition;
  const chosen = { go_backwards: false, return_sequences: true } as const;
  const free = Object.entries(chosen).filter(([option]) => !sequenceDefaults.fixed.some((fixed) => fixed === option));
  const sequenceOptions: SequenceOptions = {
    ...Object.fromEntries(free),
    ...options,
    previous: session.output ?? lastOutput(cell, session),
  };
  const sequence = single ? asSequence(inputs, layout.timeMajor) : inputs;
  const { outputs, last, states, trace } = await runSequence(
    context,
    cells,
    cell,
    sequence,
    session.states,
    mask,
    sequenceOptions,
  );
  const stepped = { output: single ? last[0] : outputs[0], states, ...(trace ? { trace } : {}) };
  const keepsOutput = mask !== undefined || session.output !== undefined;
  return { states, stepped, ...(keepsOutput ? { output: last[0] } : {}) };
}

/** [batch, features] as a sequence of one step. */
function asSequence({ dtype, shape: [batch, features], data }: Tensor, timeMajor: boolean): Tensor {
  return new Tensor(dtype, timeMajor ? [1, batch, features] : [batch, 1, features], data);
}

/** The output of a session's last step, as far as no mask has come yet: one of its states, or zeros before the first. */
function lastOutput({ definition }: Cell, { states, record }: Session): Tensor {
  const { outputIsState, computeDtype, outputWidth } = definition;
  if (outputIsState !== null && record.step > 0) return states[outputIsState];
  return zeros(computeDtype, [record.batch_size, outputWidth]);
}
