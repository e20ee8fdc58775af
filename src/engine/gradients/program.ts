import { type ChainProgram, type SequenceProgram, sequenceCells, sequenceStateCount } from '../../domain/program.ts';
import { differentiableBidirectional } from './bidirectional.ts';
import type { Differentiable, Position, RowPass, Vectors } from './pass.ts';
import { differentiableRun } from './run.ts';

/** A sequence program that one row goes through, and back; `start` is where its cells and states begin. */
export function differentiableProgram(program: SequenceProgram, start: Position): Differentiable {
  switch (program.kind) {
    case 'run':
      return differentiableRun(program, start);
    case 'bidirectional':
      return differentiableBidirectional(program, start);
    case 'chain':
      return differentiableChain(program, start);
  }
}

/** Sequences one after another: forwards as in sequence.ts, and back. */
function differentiableChain({ layers }: ChainProgram, start: Position): Differentiable {
  let at = start;
  const parts = layers.map((layer) => {
    const part = differentiableProgram(layer, at);
    at = { cell: at.cell + sequenceCells(layer).length, state: at.state + sequenceStateCount(layer) };
    return part;
  });
  return {
    *forward(inputs, context): Generator<void, RowPass> {
      const passes: RowPass[] = [];
      for (const part of parts) passes.push(yield* part.forward(passes.at(-1)?.sequences[0] ?? inputs, context));
      const top = passes[passes.length - 1];
      const below = passes.slice(0, -1).toReversed();
      function* descend(gradients: Vectors): Generator<void, Vectors> {
        let back = gradients;
        for (const pass of below) back = yield* pass.pullSequences([back]);
        return back;
      }
      return {
        sequences: top.sequences,
        last: top.last,
        *pullSequences(gradients) {
          return yield* descend(yield* top.pullSequences(gradients));
        },
        *pullLast(gradients) {
          return yield* descend(yield* top.pullLast(gradients));
        },
      };
    },
  };
}
