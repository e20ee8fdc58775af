import type { GateTrace, PreparedSequence, SequenceRequest, SequenceResult } from '../domain/ports.ts';
import type { RunProgram } from '../domain/program.ts';
import type { FloatArray } from '../domain/tensor.ts';
import { SLICE_NANOSECONDS, type SlicedSequence } from './sliced.ts';

type Direction = Pick<RunProgram, 'goBackwards' | 'timeOrder'>;

/**
 * A run that can be cut along time: each piece goes on from the states and the output of the one before it, so the bits are
 * those of the whole. `nanoseconds` is what one row of a step may be expected to take.
 */
export function inPieces(direction: Direction, { run }: PreparedSequence, nanoseconds: number): SlicedSequence {
  return {
    run,
    *slices(request): Generator<void, SequenceResult> {
      const { batch, time } = request;
      const steps = Math.max(1, Math.floor(SLICE_NANOSECONDS / (nanoseconds * Math.max(batch, 1))));
      if (steps >= time) return run(request);
      const whole = new Whole(batch, time);
      let { states, previous } = request;
      for (let start = 0; start < time; start += steps) {
        const count = Math.min(steps, time - start);
        const from = direction.goBackwards ? time - start - count : start;
        const piece = run({ ...stepsOf(request, from, count), states, previous });
        whole.put(piece, direction.timeOrder ? time - start - count : start, count);
        ({ states } = piece);
        [previous] = piece.last;
        yield;
      }
      return whole.result(states, previous!);
    },
  };
}

/** `count` steps from `from` on. */
function stepsOf(request: SequenceRequest, from: number, count: number): SequenceRequest {
  const { inputs, mask, batch, time } = request;
  const cut = <A extends FloatArray | Uint8Array>(all: A): A => {
    const width = all.length / (batch * time);
    const some = all.slice(0, batch * count * width) as A;
    for (let row = 0; row < batch; row++) {
      const start = (row * time + from) * width;
      some.set(all.subarray(start, start + count * width), row * count * width);
    }
    return some;
  };
  return { ...request, time: count, inputs: batch > 0 ? cut(inputs) : inputs, mask: mask && cut(mask) };
}

/** [batch, time, width] arrays that are filled piece by piece. */
class Whole {
  private readonly batch: number;
  private readonly time: number;
  private sequence: FloatArray | undefined;
  private readonly gates = new Map<string, GateTrace>();
  private traced = false;

  constructor(batch: number, time: number) {
    this.batch = batch;
    this.time = time;
  }

  put({ sequences: [own], trace }: SequenceResult, at: number, count: number): void {
    this.sequence ??= this.room(own, count);
    this.place(this.sequence, own, at, count);
    this.traced ||= trace !== undefined;
    for (const gate of trace ?? []) {
      const { name, before, after } = gate;
      const all = this.gates.get(name) ?? { ...gate, before: this.room(before, count), after: this.room(after, count) };
      this.gates.set(name, all);
      this.place(all.before, before, at, count);
      this.place(all.after, after, at, count);
    }
  }

  result(states: readonly FloatArray[], last: FloatArray): SequenceResult {
    const trace = this.traced ? { trace: [...this.gates.values()] } : {};
    return { sequences: [this.sequence!], last: [last], states, ...trace };
  }

  private room(part: FloatArray, count: number): FloatArray {
    const size = (part.length / count) * this.time;
    return part instanceof Float64Array ? new Float64Array(size) : new Float32Array(size);
  }

  private place(all: FloatArray, part: FloatArray, at: number, count: number): void {
    const row = part.length / Math.max(this.batch, 1);
    const step = row / count;
    for (let n = 0; n < this.batch; n++) {
      all.set(part.subarray(n * row, (n + 1) * row), (n * this.time + at) * step);
    }
  }
}
