import { dropoutRows } from '../../cells/random/dropout.ts';
import { addTo, type GradientSums, zeroSums } from '../../cells/step-gradient.ts';
import type { RecurrentWork } from '../../domain/network.ts';
import { sequenceCells } from '../../domain/program.ts';
import { trainingAfter } from '../../domain/training.ts';
import { type DifferentiableNode, inFloat64, type NodePass, type NodePull } from './node.ts';
import type { RowContext, RowPass, Vectors } from './pass.ts';
import { differentiableProgram } from './program.ts';

/** A recurrent layer of a network, whose first cell is the network's cell `first`: each row goes through it on its own, in turns. */
export function differentiableRecurrent(work: RecurrentWork, first: number): DifferentiableNode {
  const { sequence, returnSequences, zeroOutputForMask } = work;
  const cells = sequenceCells(sequence);
  const differentiable = differentiableProgram(sequence, { cell: 0, state: 0 });
  const masksOf = cells.map(dropoutRows);
  return {
    *forward({ batch, inputs: [input], states, running, training }): Generator<void, NodePass> {
      const { time, mask } = input;
      const values = inFloat64(input.values);
      const masks = masksOf.map((draw, k) => training && draw(batch, trainingAfter(training, k)));
      const whole = returnSequences || running;
      // A row's steps hold on to the sums that they will add to.
      const own = cells.map(zeroSums);
      const rows: { readonly context: RowContext; readonly pass: RowPass }[] = [];
      for (let n = 0; n < batch; n++) {
        const context: RowContext = {
          states: states.map((state) => vectors(state, n, 1, batch)[0]),
          masks: masks.map((drawn) => drawn?.[n]),
          sums: own,
          live: (t) => mask?.[n * time + t] !== 0,
          zeroOutputForMask,
          carriesOutput: mask !== undefined && sequence.kind === 'run' && !sequence.goBackwards,
          stateGradients: [],
        };
        rows.push({ context, pass: yield* differentiable.forward(vectors(values, n, time, batch), context) });
        yield;
      }
      const outputs = rows.map(({ pass }) => (whole ? pass.sequences[0] : [pass.last[0]]));
      return {
        values: joined(outputs),
        time: whole ? time : 1,
        *pull(gradient, sums): Generator<void, NodePull> {
          const given = inFloat64(gradient);
          const inputs: Vectors[] = [];
          for (const [n, { pass }] of rows.entries()) {
            inputs.push(yield* pullRow(pass, vectors(given, n, whole ? time : 1, batch), whole));
            yield;
          }
          for (const [k, sum] of own.entries()) addSums(sums.cells[first + k], sum);
          return {
            inputs: [joined(inputs)],
            states: states.map((_, k) => joined(rows.map(({ context }) => [context.stateGradients[k]]))),
          };
        },
      };
    },
  };
}

/** sums += own, by the arrays of a cell. */
function addSums(sums: GradientSums, own: GradientSums): void {
  for (const [name, values] of Object.entries(own)) addTo(sums[name as keyof GradientSums], values);
}

function pullRow(pass: RowPass, own: Float64Array[], whole: boolean): Generator<void, Vectors> {
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
