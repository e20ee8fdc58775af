import { outputShape } from '../../domain/cell-definition.ts';
import { cast, type Tensor, zeros } from '../../domain/tensor.ts';
import type { Call } from '../compute/prepare-call.ts';
import { asSequence, runSequence } from '../compute/run-sequence.ts';
import { type Stepped, stepOnce } from '../compute/step-cell.ts';
import type { Context } from '../context.ts';
import type { Session } from './session-record.ts';
import type { NextState } from './sessions.ts';

export type SteppedStates = NextState & {
  readonly stepped: Stepped;
  /** The output of the last step, [batch, width]. */
  readonly last: Tensor;
};

/** Takes all steps of a session at once, from the states of the call. */
export async function stepAtOnce(
  context: Pick<Context, 'cells'>,
  call: Call,
  session: Pick<Session, 'output' | 'record'>,
): Promise<SteppedStates> {
  if (!call.single || call.mask || session.output) return stepAsSequence(context, call, session);
  const stepped = await stepOnce(context, call);
  return { states: stepped.states, stepped, last: stepped.output };
}

/** The same for inputs with a time axis, or with an output that masked steps repeat. */
async function stepAsSequence(
  context: Pick<Context, 'cells'>,
  call: Call,
  session: Pick<Session, 'output' | 'record'>,
): Promise<SteppedStates> {
  const { fixed } = call.cell.definition.sequenceDefaults;
  const chosen = { go_backwards: false, return_sequences: true } as const;
  const free = Object.entries(chosen).filter(([option]) => !fixed.some((one) => one === option));
  const options = { ...Object.fromEntries(free), previous: session.output ?? lastOutput(call, session) };
  const { outputs, last, states, trace } = await runSequence(context, asSequence(call), options);
  const output = call.single ? last[0] : outputs[0];
  const keepsOutput = call.mask !== undefined || session.output !== undefined;
  return {
    states,
    stepped: { output, states, ...(trace ? { trace } : {}) },
    last: last[0],
    ...(keepsOutput ? { output: last[0] } : {}),
  };
}

/** The output of a session's last step if no mask was used yet: one of its states, or zeros before the first step. */
function lastOutput({ cell, states, batch }: Call, { record }: Pick<Session, 'record'>): Tensor {
  const { outputIsState, outputDtype } = cell.definition;
  if (outputIsState !== null && record.step > 0) return cast(states[outputIsState], outputDtype);
  return zeros(outputDtype, outputShape(cell.definition, [batch]));
}
