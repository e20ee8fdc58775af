import type { SessionRecord } from '../../domain/session.ts';
import { Tensor } from '../../domain/tensor.ts';
import { joinAxis, sliceAxis } from '../compute/layout.ts';
import type { Stepped, Trace } from '../compute/run-steps.ts';
import { requireRoom } from '../compute/step-inputs.ts';
import { type Advance, type Advanced, advance } from './advance-session.ts';
import type { KeptStates } from './kept-step.ts';
import type { Session } from './session-record.ts';

/**
 * Steps a session that has a history. Every time step is a step of the session, so those that it will keep are taken one
 * by one, for their states; what comes before them, at once. A sequence has the same bits as its steps.
 * @throws {Problem} limit-exceeded
 */
export async function advanceKeeping(
  call: Advance,
  session: Session,
  inputs: Tensor,
  mask: Uint8Array | undefined,
): Promise<Advanced> {
  const { cell, batch, time } = call;
  requireRoom(call.context.limits, cell, batch, time, call.options.trace);
  const single = inputs.shape.length === 2;
  const axis = cell.definition.layout.timeMajor ? 0 : 1;
  let now: Pick<Session, 'states' | 'output' | 'record'> = session;
  let done: Advanced | undefined;
  const parts: Stepped[] = [];
  const kept: KeptStates[] = [];
  for (const [from, to] of cuts(time, session.record.history?.limit ?? 0)) {
    const part = single ? inputs : sliceAxis(inputs, axis, from, to);
    done = await advance(call, now, part, mask && sliceMask(mask, batch, time, from, to));
    const { states, output, stepped, last } = done;
    const record: SessionRecord = { ...now.record, step: now.record.step + to - from };
    now = { states, record, ...(output ? { output } : {}) };
    parts.push(stepped);
    const { dtype, shape } = last;
    // Of one step, the output has as many elements in the framework's layout.
    const shown = to - from === 1 ? new Tensor(dtype, shape, stepped.output.data) : last;
    kept.push({ step: record.step, cell_version: cell.record.version, states, output: shown, repeated: output });
  }
  // An empty sequence changes nothing.
  if (!done) return { ...(await advance(call, session, inputs, mask)), kept: [] };
  return { ...done, kept, stepped: joined(parts, axis) };
}

/** Parts of a sequence: the last `keep` steps and the one before them on their own, what is before that together. */
function cuts(time: number, keep: number): [number, number][] {
  const first = Math.max(0, time - keep - 1);
  const whole: [number, number][] = first > 0 ? [[0, first]] : [];
  return [...whole, ...Array.from({ length: time - first }, (_, i): [number, number] => [first + i, first + i + 1])];
}

/** Of a mask [batch, time], the columns of a part. */
function sliceMask(mask: Uint8Array, batch: number, time: number, from: number, to: number): Uint8Array {
  return sliceAxis(new Tensor('bool', [batch, time], mask), 1, from, to).data as Uint8Array;
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
