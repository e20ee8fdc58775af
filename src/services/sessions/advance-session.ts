import type { Training } from '../../domain/ports.ts';
import { cast, Tensor, zeros } from '../../domain/tensor.ts';
import type { Cell } from '../cells/cell-record.ts';
import type { CellReader } from '../cells/cells.ts';
import { runSequence, type SequenceOptions } from '../compute/run-sequence.ts';
import { runStep, type Stepped } from '../compute/run-steps.ts';
import type { Context } from '../context.ts';
import type { Session } from './session-record.ts';
import type { NextState } from './sessions.ts';

/** What all parts of a session's step have in common. */
export interface Advance {
  readonly context: Pick<Context, 'limits'>;
  readonly cells: CellReader;
  readonly cell: Cell;
  readonly batch: number;
  readonly time: number;
  readonly options: { readonly trace: boolean; readonly training?: Training };
}

export type Advanced = NextState & {
  readonly stepped: Stepped;
  /** The output of the last step, [batch, width]. */
  readonly last: Tensor;
};

/** Steps a session on from its states, over all the inputs at once. */
export async function advance(
  call: Advance,
  session: Pick<Session, 'states' | 'output' | 'record'>,
  inputs: Tensor,
  mask: Uint8Array | undefined,
): Promise<Advanced> {
  if (inputs.shape.length > 2 || mask || session.output) return advanceSequence(call, session, inputs, mask);
  const { context, cells, cell, options } = call;
  const stepped = await runStep(context, cell, cells.prepare(cell), inputs, session.states, options);
  return { states: stepped.states, stepped, last: stepped.output };
}

/** The same where there is a time axis, or an output that masked steps repeat. */
async function advanceSequence(
  { context, cells, cell, options }: Advance,
  session: Pick<Session, 'states' | 'output' | 'record'>,
  inputs: Tensor,
  mask: Uint8Array | undefined,
): Promise<Advanced> {
  const single = inputs.shape.length === 2;
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
  return { states, stepped, last: last[0], ...(keepsOutput ? { output: last[0] } : {}) };
}

/** [batch, features] as a sequence of one step. */
function asSequence({ dtype, shape: [batch, features], data }: Tensor, timeMajor: boolean): Tensor {
  return new Tensor(dtype, timeMajor ? [1, batch, features] : [batch, 1, features], data);
}

/** The output of a session's last step, as far as no mask has come yet: one of its states, or zeros before the first. */
function lastOutput({ definition }: Cell, { states, record }: Pick<Session, 'states' | 'record'>): Tensor {
  const { outputIsState, outputDtype, outputWidth } = definition;
  if (outputIsState !== null && record.step > 0) return cast(states[outputIsState], outputDtype);
  return zeros(outputDtype, [record.batch_size, outputWidth]);
}
