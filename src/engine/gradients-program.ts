import { type ChainProgram, type SequenceProgram, sequenceCells, sequenceStateCount } from '../domain/program.ts';
import { differentiableBidirectional } from './gradients-bidirectional.ts';
import type { Differentiable, Position, RowPass, Vectors } from './gradients-pass.ts';
import { differentiableRun } from './gradients-run.ts';

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
    forward(inputs, context): RowPass {
      const passes: RowPass[] = [];
      for (const part of parts) passes.push(part.forward(passes.at(-1)?.sequences[0] ?? inputs, context));
      const top = passes[passes.length - 1];
      const below = passes.slice(0, -1);
      const descend = (gradients: Vectors) => below.reduceRight((d, pass) => pass.pullSequences([d]), gradients);
      return {
        sequences: top.sequences,
        last: top.last,
        pullSequences: (gradients) => descend(top.pullSequences(gradients)),
        pullLast: (gradients) => descend(top.pullLast(gradients)),
      };
    },
  };
}
