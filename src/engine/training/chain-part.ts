import { type ChainProgram, sequenceCells, sequenceStateCount } from '../../domain/program.ts';
import { trainingAfter } from '../../domain/training.ts';
import type { PartCall, PartPass, PartPull, TrainedPart } from './part.ts';

/** Sequences one after another; `parts` are those of the layers. */
export function chainPart({ layers }: ChainProgram, parts: readonly TrainedPart[]): TrainedPart {
  return function* (call: PartCall): Generator<void, PartPass> {
    const passes: PartPass[] = [];
    let [state, cell] = [0, 0];
    for (const [k, part] of parts.entries()) {
      const inputs = passes.at(-1)?.outputs[0] ?? call.inputs;
      const states = call.states.slice(state, state + sequenceStateCount(layers[k]));
      const returnSequences = k < parts.length - 1 || call.returnSequences;
      const training = trainingAfter(call.training, cell);
      passes.push(yield* part({ ...call, inputs, states, training, returnSequences }));
      state += states.length;
      cell += sequenceCells(layers[k]).length;
    }
    const { outputs, mask } = passes[passes.length - 1];
    return {
      outputs,
      mask,
      *pull(gradients) {
        let given = gradients;
        const pulls: PartPull[] = [];
        for (const pass of passes.toReversed()) {
          const pull = yield* pass.pull(given);
          pulls.unshift(pull);
          given = [pull.inputs];
        }
        return {
          inputs: given[0],
          states: pulls.flatMap((pull) => pull.states),
          cells: pulls.flatMap((pull) => pull.cells),
        };
      },
    };
  };
}
