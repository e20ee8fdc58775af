import { type BidirectionalProgram, type MergeMode, stateWidths, stepCells } from '../../domain/program.ts';
import { addVectors, type Differentiable, type Position, type RowPass, type Vectors, zeroVectors } from './pass.ts';
import { differentiableRun } from './run.ts';

/** Two directions: forwards as in bidirectional.ts, and back. */
export function differentiableBidirectional(program: BidirectionalProgram, start: Position): Differentiable {
  const { cell } = program.forward;
  const forward = differentiableRun(program.forward, start);
  const backward = differentiableRun(
    { ...program.backward, timeOrder: true },
    { cell: start.cell + stepCells(cell).length, state: start.state + stateWidths(cell).length },
  );
  return {
    *forward(inputs, context): Generator<void, RowPass> {
      const ahead = yield* forward.forward(inputs, context);
      const back = yield* backward.forward(inputs, context);
      const sequences = join(program.merge, ahead.sequences[0], back.sequences[0]);
      const last = join(program.merge, ahead.last, back.last);
      return {
        sequences: sequences.outputs,
        last: last.outputs.map(([output]) => output),
        *pullSequences(gradients) {
          const [a, b] = sequences.pull(gradients);
          return addVectors(yield* ahead.pullSequences([a]), yield* back.pullSequences([b]));
        },
        *pullLast(gradients) {
          const [a, b] = last.pull(gradients.map((gradient) => [gradient]));
          return addVectors(yield* ahead.pullLast(a), yield* back.pullLast(b));
        },
      };
    },
  };
}

interface Joined {
  readonly outputs: readonly Vectors[];
  /** From d/d outputs to d/d a and d/d b. Of two outputs the second may be left out: nothing came of it. */
  pull(gradients: readonly Vectors[]): readonly [Vectors, Vectors];
}

function join(merge: MergeMode | null, a: Vectors, b: Vectors): Joined {
  switch (merge) {
    case null:
      return { outputs: [a, b], pull: ([da, db = zeroVectors(b.length, b[0]?.length ?? 0)]) => [da, db] };
    case 'concat':
      return {
        outputs: [a.map((vector, t) => Float64Array.of(...vector, ...b[t]))],
        pull: ([d]) => [
          d.map((gradient, t) => gradient.slice(0, a[t].length)),
          d.map((gradient, t) => gradient.slice(a[t].length)),
        ],
      };
    case 'sum':
      return { outputs: [addVectors(a, b)], pull: ([d]) => [d, d] };
    case 'ave': {
      const halve = (vectors: Vectors) => vectors.map((vector) => vector.map((value) => value / 2));
      return {
        outputs: [halve(addVectors(a, b))],
        pull: ([d]) => [halve(d), halve(d)],
      };
    }
    case 'mul':
      return { outputs: [times(a, b)], pull: ([d]) => [times(d, b), times(d, a)] };
  }
}

function times(a: Vectors, b: Vectors): Float64Array[] {
  return a.map((vector, t) => vector.map((value, u) => value * b[t][u]));
}
