import { dropoutRows } from '../cells/random/dropout.ts';
import type { RecurrentWork } from '../domain/network.ts';
import { sequenceCells } from '../domain/program.ts';
import { trainingAfter } from '../domain/training.ts';
import type { DifferentiableNode, NodePass } from './gradients-node.ts';
import type { RowContext, RowPass, Vectors } from './gradients-pass.ts';
import { differentiableProgram } from './gradients-program.ts';

/** A recurrent layer of a network, whose first cell is the network's cell `first`: each row goes through it on its own. */
export function differentiableRecurrent(work: RecurrentWork, first: number): DifferentiableNode {
  const { sequence, returnSequences, zeroOutputForMask } = work;
  const cells = sequenceCells(sequence);
  const differentiable = differentiableProgram(sequence, { cell: 0, state: 0 });
  const masksOf = cells.map(dropoutRows);
  return {
    forward({ batch, inputs: [input], states, running, training }): NodePass {
      const { values, time, mask } = input;
      const masks = masksOf.map((draw, k) => training && draw(batch, trainingAfter(training, k)));
      const whole = returnSequences || running;
      // The sums are there only on the way back.
      const later: { sums: RowContext['sums'] } = { sums: [] };
      const rows = Array.from({ length: batch }, (_, n) => {
        const context: RowContext = {
          states: states.map((state) => vectors(state, n, 1, batch)[0]),
          masks: masks.map((drawn) => drawn?.[n]),
          get sums() {
            return later.sums;
          },
          live: (t) => mask?.[n * time + t] !== 0,
          zeroOutputForMask,
          carriesOutput: sequence.kind === 'run' && !sequence.goBackwards,
          stateGradients: [],
        };
        return { context, pass: differentiable.forward(vectors(values, n, time, batch), context) };
      });
      const outputs = rows.map(({ pass }) => (whole ? pass.sequences[0] : [pass.last[0]]));
      return {
        values: joined(outputs),
        time: whole ? time : 1,
        pull(gradient, sums) {
          later.sums = sums.cells.slice(first, first + cells.length);
          const inputs = rows.map(({ pass }, n) => pullRow(pass, gradient, n, whole ? time : 1, batch, whole));
          return {
            inputs: [joined(inputs)],
            states: states.map((_, k) => joined(rows.map(({ context }) => [context.stateGradients[k]]))),
          };
        },
      };
    },
  };
}

function pullRow(
  pass: RowPass,
  gradient: Float64Array,
  n: number,
  count: number,
  batch: number,
  whole: boolean,
): Vectors {
  const own = vectors(gradient, n, count, batch);
  return whole ? pass.pullSequences([own]) : pass.pullLast([own[0]]);
}

/** Row n of [batch, count, width] as `count` vectors. */
function vectors(values: Float64Array, n: number, count: number, batch: number): Float64Array[] {
  const width = count > 0 ? values.length / (batch * count) : 0;
  return Array.from({ length: count }, (_, k) => values.slice((n * count + k) * width, (n * count + k + 1) * width));
}

function joined(rows: readonly Vectors[]): Float64Array {
  const all = rows.flat();
  const size = all.reduce((sum, { length }) => sum + length, 0);
  const values = new Float64Array(size);
  let at = 0;
  for (const vector of all) {
    values.set(vector, at);
    at += vector.length;
  }
  return values;
}
