import { type Shape, sameShape } from '../../domain/tensor.ts';
import { isReference, type StateGiven, type StatesGiven, type TensorLiteral } from '../../domain/tensor-literal.ts';
import type { Cell } from '../cells/cell-record.ts';
import type { Context } from '../context.ts';
import { copyNumbers, type LoadStates } from './row-batch.ts';
import { type Boarded, RowBatches, takesRows } from './row-batches.ts';
import { listOf, stateShapesOf } from './states.ts';
import type { SteppedCell } from './step-cell.ts';

/** A step from states that its client keeps: inputs [batch, features], and no option. */
export interface CarriedStep {
  readonly inputs: TensorLiteral;
  readonly states?: StatesGiven;
  /** Called once, unless the step is left alone. */
  settle(stepped: SteppedCell): void;
}

/**
 * Computes steps of a cell together; a result has the same bits as alone. Returns those that are left to be taken alone: what is
 * unusual about them, or wrong, is found there. Rejects only before it has begun.
 */
export async function stepTogether<S extends CarriedStep>(
  context: Pick<Context, 'cells' | 'limits' | 'spendWork' | 'caller'>,
  id: string,
  steps: readonly S[],
): Promise<readonly S[]> {
  const cell = await context.cells.find(id);
  if (!cell || !takesRows(cell) || !hasPlainStates(cell)) return steps;
  const prepared = context.cells.prepare(cell);
  const mostRows = prepared.batchRows;
  const allRows = steps.reduce((sum, { inputs }) => sum + inputs.shape[0], 0);
  const batches = new RowBatches<S>(context, cell, { mostRows, rows: allRows });
  const loaderOf = loadersFor(context, cell);
  const left: S[] = [];
  for (const step of steps) {
    const [rows] = step.inputs.shape;
    try {
      const load = rows > 0 && rows <= mostRows ? loaderOf(step, rows) : undefined;
      if (!load || !batches.add(step, { inputs: step.inputs, rows }, load)) left.push(step);
    } catch {
      left.push(step);
    }
  }
  const compute = async ({ rows, items }: Boarded<S>) => {
    const results = await rows.step(prepared);
    const cellVersion = cell.record.version;
    for (let k = 0; k < items.length; k++) items[k].settle({ ...results.steppedOf(k, true), cellVersion });
  };
  await Promise.all(batches.boarded.map((batch) => compute(batch).catch(() => left.push(...batch.items))));
  return left;
}

/** Whether each of its states is a tensor [batch, width] of float32 or float64. */
function hasPlainStates({ definition: { stateGroups } }: Cell): boolean {
  return stateGroups.every(
    ({ dtype, extents, stackAxis }) =>
      !extents && stackAxis === undefined && (dtype === 'float32' || dtype === 'float64'),
  );
}

/** Finds out how the states of steps of a cell are loaded; undefined if they do not fit. @throws {Problem} limit-exceeded */
function loadersFor(
  context: Pick<Context, 'limits'>,
  cell: Cell,
): (step: CarriedStep, rows: number) => LoadStates | undefined {
  const { stateGroups } = cell.definition;
  const known = new Map<number, readonly Shape[]>();
  return ({ states }, rows) => {
    const shapes = known.get(rows) ?? stateShapesOf(context, cell, rows, '/states');
    known.set(rows, shapes);
    const list = !states ? shapes.map(() => null) : 'bare' in states ? [states.bare] : listOf(states, shapes);
    const fits = (state: StateGiven, i: number) => !state || (!isReference(state) && sameShape(state.shape, shapes[i]));
    if (list.length !== shapes.length || !list.every(fits)) return undefined;
    return ({ states: all, first }) =>
      stateGroups.every(({ dtype, members: [k], width }, i) => {
        const state = list[i] as TensorLiteral | null;
        if (state) return copyNumbers(state, dtype, all[k], first * width);
        all[k].fill(0, first * width, (first + rows) * width);
        return true;
      });
  };
}
