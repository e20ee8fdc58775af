import type { SessionRecord } from '../../domain/session.ts';
import { Tensor } from '../../domain/tensor.ts';
import { joinAxis, sliceAxis } from '../compute/layout.ts';
import type { Call } from '../compute/prepare-call.ts';
import type { Stepped } from '../compute/step-cell.ts';
import type { Trace } from '../compute/trace.ts';
import type { Context } from '../context.ts';
import type { KeptStates } from './kept-step.ts';
import type { Session } from './session-record.ts';
import { type SteppedStates, stepAtOnce } from './step-at-once.ts';

/**
 * Steps a session with a history. The time steps that it will keep are taken one by one, because their states are needed.
 * Earlier ones are taken at once. Both ways give the same bits.
 */
export async function stepOneByOne(
  context: Pick<Context, 'cells'>,
  call: Call,
  session: Pick<Session, 'output' | 'record'>,
): Promise<SteppedStates> {
  const { cell, time } = call;
  const axis = call.timeMajor ? 0 : 1;
  let { states } = call;
  let now = session;
  let done: SteppedStates | undefined;
  const parts: Stepped[] = [];
  const kept: KeptStates[] = [];
  for (const [from, to] of cuts(time, session.record.history?.limit ?? 0)) {
    done = await stepAtOnce(context, { ...partOf(call, from, to), states }, now);
    const { output, stepped, last } = done;
    const record: SessionRecord = { ...now.record, step: now.record.step + to - from };
    states = done.states;
    now = { record, ...(output ? { output } : {}) };
    parts.push(stepped);
    const { dtype, shape } = last;
    // For one step, the output has the same number of elements in every layout.
    const shown = to - from === 1 ? new Tensor(dtype, shape, stepped.output.data) : last;
    kept.push({ step: record.step, cell_version: cell.record.version, states, output: shown, repeated: output });
  }
  // An empty sequence changes nothing.
  if (!done) return { ...(await stepAtOnce(context, call, session)), kept: [] };
  return { ...done, kept, stepped: joined(parts, axis) };
}

/** The call for the steps `from` to `to`, without `to`. */
function partOf(call: Call, from: number, to: number): Call {
  const { inputs, mask, batch, time, timeMajor } = call;
  if (call.single) return call;
  return {
    ...call,
    inputs: sliceAxis(inputs, timeMajor ? 0 : 1, from, to),
    mask: mask && (sliceAxis(new Tensor('bool', [batch, time], mask), 1, from, to).data as Uint8Array),
    time: to - from,
  };
}

/** Splits a sequence: the last `keep` steps and the one before them alone, all earlier ones together. */
function cuts(time: number, keep: number): [number, number][] {
  const first = Math.max(0, time - keep - 1);
  const whole: [number, number][] = first > 0 ? [[0, first]] : [];
  return [...whole, ...Array.from({ length: time - first }, (_, i): [number, number] => [first + i, first + i + 1])];
}

function joined(parts: readonly Stepped[], axis: number): Stepped {
  if (parts.length === 1) return parts[0];
  const { states } = parts[parts.length - 1];
  const output = joinAxis(
    parts.map((part) => part.output),
    axis,
  );
  const traces = parts.flatMap(({ trace }) => (trace ? [trace] : []));
  return { output, states, ...(traces.length > 0 ? { trace: joinedTrace(traces, axis) } : {}) };
}

function joinedTrace(traces: readonly Trace[], axis: number): Trace {
  const join = (name: string, side: 'before' | 'after') =>
    joinAxis(
      traces.map((trace) => trace[name][side]),
      axis,
    );
  const names = Object.keys(traces[0]);
  return Object.fromEntries(names.map((name) => [name, { before: join(name, 'before'), after: join(name, 'after') }]));
}
