import type { GateTrace, PreparedCell } from '../domain/ports.ts';
import { type StackProgram, type StepProgram, stateWidths, stepCells } from '../domain/program.ts';
import { trainingAfter } from '../domain/training.ts';
import { convert } from './convert.ts';

/**
 * Cells one above another: the output of each is the input of the next. What comes in is rounded to the stack's dtype first,
 * and then to each cell's; what comes out has the dtype of its cell. Keras StackedRNNCells.call.
 */
export function prepareStack(program: StackProgram, prepareStep: (cell: StepProgram) => PreparedCell): PreparedCell {
  const { computeDtype, names } = program;
  const cells = program.cells.map((cell, k) => {
    const below = program.cells.slice(0, k).flatMap(stepCells).length;
    return { prepared: prepareStep(cell), count: stateWidths(cell).length, dtype: cell.computeDtype, below };
  });
  return {
    step(inputs, states, batch, { trace = false, training } = {}) {
      let x = convert(inputs, computeDtype);
      const next: (typeof x)[] = [];
      const gates: GateTrace[] = [];
      for (const [k, { prepared, count, dtype, below }] of cells.entries()) {
        const given = states.slice(next.length, next.length + count).map((state) => convert(state, computeDtype));
        const own = given.map((state) => convert(state, dtype));
        const result = prepared.step(convert(x, dtype), own, batch, {
          trace,
          training: trainingAfter(training, below),
        });
        x = result.output;
        next.push(...result.states);
        for (const gate of result.trace ?? []) gates.push({ ...gate, name: `${names[k]}.${gate.name}` });
      }
      return { output: x, states: next, ...(trace ? { trace: gates } : {}) };
    },
  };
}
