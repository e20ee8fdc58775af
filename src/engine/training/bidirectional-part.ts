import { type BidirectionalProgram, type MergeMode, stateWidths, stepCells } from '../../domain/program.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import { trainingAfter } from '../../domain/training.ts';
import { activityCost } from '../../training/activity.ts';
import type { PartCall, PartPass, TrainedPart } from './part.ts';

/** Two directions over the same inputs, the backward one's outputs in time order; not merged. */
export function bothPart({ forward }: BidirectionalProgram, ahead: TrainedPart, back: TrainedPart): TrainedPart {
  const states = stateWidths(forward.cell).length;
  const cells = stepCells(forward.cell).length;
  return function* (call: PartCall): Generator<void, PartPass> {
    const first = yield* ahead({ ...call, states: call.states.slice(0, states) });
    const second = yield* back({
      ...call,
      states: call.states.slice(states),
      training: trainingAfter(call.training, cells),
    });
    return {
      outputs: [first.outputs[0], second.outputs[0]],
      mask: first.mask,
      *pull([a, b]) {
        const [forwards, backwards] = [yield* first.pull([a]), yield* second.pull([b])];
        return {
          inputs: combine(forwards.inputs, backwards.inputs, (x, y) => x + y),
          states: [...forwards.states, ...backwards.states],
          cells: [...forwards.cells, ...backwards.cells],
        };
      },
    };
  };
}

/** The outputs of both directions, merged as in bidirectional.ts, after they have cost what their regularizers say. */
export function mergedPart({ forward, backward, merge }: BidirectionalProgram, both: TrainedPart): TrainedPart {
  return function* (call: PartCall): Generator<void, PartPass> {
    const { outputs, mask, pull } = yield* both(call);
    const [a, b] = outputs;
    const costs = [forward, backward].map(
      ({ activity }, k) => activity && activityCost(activity, outputs[k], call.batch),
    );
    const joined = join(merge, a, b, call.returnSequences ? call.batch * call.time : call.batch);
    return {
      outputs: joined.outputs,
      mask,
      activity: costs.reduce((sum, each) => sum + (each?.cost ?? 0), 0),
      pull: (gradients) =>
        pull(
          joined.pull(gradients).map((given, k) => {
            const own = costs[k]?.gradient;
            return own ? given.map((value, i) => value + own[i]) : given;
          }),
        ),
    };
  };
}

interface Joined {
  readonly outputs: readonly FloatArray[];
  /** Of two outputs the second's gradient may be left out: nothing came of it. */
  pull(gradients: readonly FloatArray[]): readonly [FloatArray, FloatArray];
}

function join(mode: MergeMode | null, a: FloatArray, b: FloatArray, rows: number): Joined {
  switch (mode) {
    case null:
      return { outputs: [a, b], pull: ([da, db = b.slice().fill(0)]) => [da, db] };
    case 'concat': {
      const [left, right] = [a.length / Math.max(rows, 1), b.length / Math.max(rows, 1)];
      return {
        outputs: [besides(a, b, left, right, rows)],
        pull: ([d]) => [columns(d, 0, left, left + right, rows), columns(d, left, right, left + right, rows)],
      };
    }
    case 'sum':
      return { outputs: [combine(a, b, (x, y) => x + y)], pull: ([d]) => [d, d] };
    case 'ave': {
      const half = (d: FloatArray) => d.map((value) => value / 2);
      return { outputs: [combine(a, b, (x, y) => (x + y) / 2)], pull: ([d]) => [half(d), half(d)] };
    }
    case 'mul': {
      const times = (x: number, y: number) => x * y;
      return { outputs: [combine(a, b, times)], pull: ([d]) => [combine(d, b, times), combine(d, a, times)] };
    }
  }
}

function combine(a: FloatArray, b: FloatArray, join: (x: number, y: number) => number): FloatArray {
  const result = a.slice();
  for (let i = 0; i < result.length; i++) result[i] = join(a[i], b[i]);
  return result;
}

/** [rows, left] and [rows, right] as [rows, left + right]. */
function besides(a: FloatArray, b: FloatArray, left: number, right: number, rows: number): FloatArray {
  const both = roomLike(a, rows * (left + right));
  for (let row = 0; row < rows; row++) {
    both.set(a.subarray(row * left, (row + 1) * left), row * (left + right));
    both.set(b.subarray(row * right, (row + 1) * right), row * (left + right) + left);
  }
  return both;
}

/** Columns of [rows, width] from `from` on. */
function columns(values: FloatArray, from: number, count: number, width: number, rows: number): FloatArray {
  const part = roomLike(values, rows * count);
  for (let row = 0; row < rows; row++) {
    const start = row * width + from;
    part.set(values.subarray(start, start + count), row * count);
  }
  return part;
}

function roomLike(values: FloatArray, size: number): FloatArray {
  return values instanceof Float64Array ? new Float64Array(size) : new Float32Array(size);
}
