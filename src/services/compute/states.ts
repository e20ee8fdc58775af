import { type CellDefinition, type StateGroup, stateShape } from '../../domain/cell-definition.ts';
import { fieldProblem } from '../../domain/problems.ts';
import { allocate, type FloatArray, formatShape, type Shape, Tensor, zeros } from '../../domain/tensor.ts';
import {
  isReference,
  requireShape,
  type StateGiven,
  type StatesGiven,
  type TensorInput,
} from '../../domain/tensor-literal.ts';
import { counted } from '../../domain/words.ts';
import type { Cell } from '../cells/cell-record.ts';
import type { Context } from '../context.ts';
import { requireBytes, requireElements } from '../limits.ts';
import { resolveTensor } from './resolve-tensor.ts';

/** The framework's shapes of the states of so many rows. @throws {Problem} limit-exceeded */
export function stateShapesOf(
  { limits }: Pick<Context, 'limits'>,
  { definition: { stateGroups } }: Cell,
  batch: number,
  pointer: string,
): Shape[] {
  const shapes = stateGroups.map((group) => stateShape(group, batch));
  for (const shape of shapes) requireElements(shape, limits, pointer);
  const tensors = shapes.map((shape, i) => ({ shape, dtype: stateGroups[i].dtype }));
  const what = () => `The ${counted(shapes.length, 'state')} of a batch of ${batch}`;
  requireBytes(what, tensors, limits, pointer);
  return shapes;
}

/** The states to start from, in the framework's shapes; zeros if none are given. @throws {Problem} wrong-shape */
export function readStates(
  context: Pick<Context, 'store' | 'limits' | 'ops'>,
  cell: Cell,
  given: StatesGiven | undefined,
  batch: number,
  pointer: string,
): Tensor[] | Promise<Tensor[]> {
  const { record, definition } = cell;
  const dtypes = definition.stateGroups.map(({ dtype }) => dtype);
  const shapes = stateShapesOf(context, cell, batch, pointer);
  if (!given) return shapes.map((shape, i) => zeros(dtypes[i], shape));
  const wanted = () => shapes.map(formatShape).join(', ');
  if ('bare' in given) {
    if (shapes.length !== 1) {
      const detail = `Cell '${record.id}' has ${counted(shapes.length, 'state')}; '${pointer.slice(1)}' has one tensor. Send a list of ${wanted()}.`;
      throw fieldProblem('wrong-shape', pointer, detail);
    }
    const check = (state: Tensor) => {
      requireShape(state.shape, shapes[0], pointer, () => `this cell's state has shape ${wanted()}`);
      return [state];
    };
    const state = resolveTensor(context, given.bare, dtypes[0], pointer);
    return state instanceof Promise ? state.then(check) : check(state);
  }
  const list = listOf(given, shapes);
  // ONNX has separate inputs initial_h and initial_c.
  const missing = definition.framework === 'onnx' && !definition.graph ? shapes.length - list.length : 0;
  const entries = missing > 0 ? [...list, ...new Array<null>(missing).fill(null)] : list;
  if (entries.length !== shapes.length) {
    const detail = `'${pointer.slice(1)}' has ${counted(list.length, 'tensor')}; cell '${record.id}' has ${counted(shapes.length, 'state')}. Send ${wanted()}.`;
    throw fieldProblem('wrong-shape', pointer, detail);
  }
  const states: Tensor[] = [];
  const add = (state: Tensor) => {
    const i = states.length;
    requireShape(state.shape, shapes[i], `${pointer}/${i}`, () => `send ${formatShape(shapes[i])}`);
    states.push(state);
  };
  // Nearly always all are there already, and each wait takes as long as a check.
  const readRest = (): Tensor[] | Promise<Tensor[]> => {
    while (states.length < entries.length) {
      const i = states.length;
      const input = entries[i];
      const state = input ? resolveTensor(context, input, dtypes[i], `${pointer}/${i}`) : zeros(dtypes[i], shapes[i]);
      if (state instanceof Promise) return state.then(add).then(readRest);
      add(state);
    }
    return states;
  };
  return readRest();
}

/** Picks the reading of a list that has the cell's number of states, each with the right number of axes. */
export function listOf(
  given: Exclude<StatesGiven, { bare: TensorInput }>,
  shapes: readonly Shape[],
): readonly StateGiven[] {
  const { list, nested } = given;
  const fits = (states: readonly StateGiven[]) =>
    states.length === shapes.length &&
    states.every((state, i) => !state || isReference(state) || state.shape.length === shapes[i].length);
  return (list && (fits(list) || !nested || !fits(nested)) ? list : nested) ?? [];
}

/** The canonical [batch, width] states inside the framework's tensors. */
export function toCanonical(definition: CellDefinition, states: readonly Tensor[], batch: number): FloatArray[] {
  const canonical: FloatArray[] = [];
  const { stateGroups } = definition;
  for (let i = 0; i < stateGroups.length; i++) {
    const group = stateGroups[i];
    const data = states[i].data as FloatArray;
    for (let k = 0; k < group.members.length; k++) {
      canonical[group.members[k]] = group.stackAxis === undefined ? data : unstack(data, group, k, batch);
    }
  }
  return canonical;
}

/** The framework's state tensors from the canonical ones. */
export function fromCanonical(definition: CellDefinition, canonical: readonly FloatArray[], batch: number): Tensor[] {
  return definition.stateGroups.map((group) => {
    const { members, width, dtype, stackAxis } = group;
    const shape = stateShape(group, batch);
    if (stackAxis === undefined) return new Tensor(dtype, shape, canonical[members[0]]);
    const data = allocate(dtype, members.length * batch * width) as FloatArray;
    members.forEach((member, k) => {
      for (let row = 0; row < batch; row++) {
        const values = canonical[member].subarray(row * width, (row + 1) * width);
        data.set(values, rowStart(group, k, row, batch));
      }
    });
    return new Tensor(dtype, shape, data);
  });
}

function unstack(data: FloatArray, group: StateGroup, k: number, batch: number): FloatArray {
  const state = data.slice(0, batch * group.width);
  for (let row = 0; row < batch; row++) {
    const start = rowStart(group, k, row, batch);
    state.set(data.subarray(start, start + group.width), row * group.width);
  }
  return state;
}

/** Where row `row` of member `k` starts in the tensor of its group, stacked or not. */
export function rowStart({ members, width, stackAxis }: StateGroup, k: number, row: number, batch: number): number {
  return (stackAxis === 0 ? k * batch + row : row * members.length + k) * width;
}
