import type { PreparedSequence, SequenceRequest, SequenceResult } from '../domain/ports.ts';
import { type RunProgram, type StackProgram, stateWidths, stepCells } from '../domain/program.ts';

/** A stack over time whose cells and itself are of one dtype, so that nothing is rounded between them. */
export function isUniform(program: RunProgram, stack: StackProgram): boolean {
  const inner = stack.cells.every((cell) => cell.kind !== 'stack' || isUniform(program, cell));
  const { computeDtype } = program;
  return inner && [stack, ...stepCells(stack)].every((cell) => cell.computeDtype === computeDtype);
}

/**
 * A stack over time, one cell after another over all steps instead of all cells at each step: a cell needs nothing of those
 * above it. The same results; where a step is masked no cell's state changes, so what goes up there does not matter.
 */
export function prepareStackRun(
  program: RunProgram,
  stack: StackProgram,
  prepareRun: (program: RunProgram) => PreparedSequence,
): PreparedSequence {
  const top = stack.cells.length - 1;
  const layers = stack.cells.map((cell, k) => ({
    // What goes up is in time order, as the inputs are.
    prepared: prepareRun({ ...program, cell, timeOrder: k < top ? program.goBackwards : program.timeOrder }),
    states: stateWidths(cell).length,
  }));
  return {
    run(request: SequenceRequest): SequenceResult {
      let below: Pick<SequenceResult, 'sequences' | 'last'> = { sequences: [request.inputs], last: [] };
      const states: SequenceResult['states'][number][] = [];
      for (const [k, { prepared, states: count }] of layers.entries()) {
        const own = request.states.slice(states.length, states.length + count);
        const [inputs] = below.sequences;
        const previous = k === top ? request.previous : undefined;
        const result = prepared.run({ ...request, inputs, states: own, previous });
        states.push(...result.states);
        below = result;
      }
      return { sequences: below.sequences, last: below.last, states };
    },
  };
}
