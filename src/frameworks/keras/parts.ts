import type { VariableSpec, Weights } from '../../domain/cell-definition.ts';
import type { CellGradients } from '../../domain/ports.ts';
import type { CellArithmetic, Dropout, StepProgram } from '../../domain/program.ts';
import type { Dtype, FloatArray } from '../../domain/tensor.ts';

/** A cell, or cells one above another, as a composite is put together from them. */
export interface Part {
  readonly stateNames: readonly string[];
  readonly stateWidths: readonly number[];
  /** The dtype of each state: the dtype of its cell. */
  readonly stateDtypes: readonly Dtype[];
  /** Index of the state that the output equals. */
  readonly outputState: number;
  readonly outputWidth: number;
  readonly outputDtype: Dtype;
  /** The variable whose first axis is the features. */
  readonly firstKernel: string;
  variables(features: number): readonly VariableSpec[];
  program(features: number, weights: Weights): StepProgram;
  /** How many cells of the program are this part's. */
  readonly cellCount: number;
  /** Of each of its cells. */
  readonly arithmetics: readonly CellArithmetic[];
  readonly dropouts: readonly Dropout[];
  /** By variable, from the gradients of exactly these cells. */
  gradients(cells: readonly CellGradients[]): Record<string, FloatArray>;
}

/** StackedRNNCells: variables are named `cells.0.kernel`; states are in one list, cell 0 first. */
export function stackPart(cells: readonly Part[], computeDtype: Dtype): Part {
  const names = cells.map((_, k) => `cells.${k}`);
  const top = cells[cells.length - 1];
  const widths = cells.flatMap(({ stateWidths }) => stateWidths);
  // Each cell's features are the width of the output below it.
  const inputs = (features: number) => cells.map((_, k) => (k === 0 ? features : cells[k - 1].outputWidth));
  return {
    stateNames: cells.flatMap(({ stateNames }, k) => under(names[k], stateNames)),
    stateWidths: widths,
    stateDtypes: cells.flatMap(({ stateDtypes }) => stateDtypes),
    outputState: widths.length - top.stateWidths.length + top.outputState,
    outputWidth: top.outputWidth,
    outputDtype: top.outputDtype,
    firstKernel: `${names[0]}.${cells[0].firstKernel}`,
    variables: (features) =>
      inputs(features).flatMap((width, k) =>
        cells[k].variables(width).map((spec) => ({ ...spec, name: `${names[k]}.${spec.name}` })),
      ),
    program: (features, weights) => ({
      kind: 'stack',
      computeDtype,
      names,
      cells: inputs(features).map((width, k) => cells[k].program(width, within(names[k], weights))),
    }),
    cellCount: cells.reduce((sum, { cellCount }) => sum + cellCount, 0),
    arithmetics: cells.flatMap(({ arithmetics }) => arithmetics),
    dropouts: cells.flatMap(({ dropouts }) => dropouts),
    gradients: (given) => {
      let next = 0;
      const named = cells.map((cell, k) => {
        const own = given.slice(next, next + cell.cellCount);
        next += cell.cellCount;
        return prefixed(names[k], cell.gradients(own));
      });
      return Object.assign({}, ...named);
    },
  };
}

/** Names with a prefix: `h` → `cells.0.h`. */
export function under(prefix: string, names: readonly string[]): string[] {
  return names.map((name) => `${prefix}.${name}`);
}

/** Named values with a prefix to their names. */
export function prefixed<T>(prefix: string, values: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]));
}

/** The weights of one part, by their names inside it: `cells.0.kernel` → `kernel`. */
export function within(prefix: string, weights: Weights): Weights {
  const own = Object.entries(weights).filter(([name]) => name.startsWith(`${prefix}.`));
  return Object.fromEntries(own.map(([name, tensor]) => [name.slice(prefix.length + 1), tensor]));
}
