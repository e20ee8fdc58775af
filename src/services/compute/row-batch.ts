import { outputShape } from '../../domain/cell-definition.ts';
import type { BatchedCell, StepResult } from '../../domain/ports.ts';
import { allocate, cast, type Dtype, type FloatArray, Tensor } from '../../domain/tensor.ts';
import { SentTensor, type TensorLiteral } from '../../domain/tensor-literal.ts';
import { type Cell, featuresOf } from '../cells/cell-record.ts';
import { fromCanonical } from './states.ts';
import type { Stepped } from './step-cell.ts';

/** States [rows, width], one below another, and the first row of one step. */
export interface StateRows {
  readonly states: readonly FloatArray[];
  readonly first: number;
}

/** Copies the states of a step to their rows. Returns false if a value does not fit their dtype. */
export type LoadStates = (into: StateRows) => boolean;

/** The inputs and states of several steps of a cell, one below another, for one product. */
export class RowBatch {
  private readonly cell: Cell;
  private readonly features: number;
  private readonly inputs: FloatArray;
  private readonly states: readonly FloatArray[];
  /** The first row of each step. */
  private readonly firsts: number[] = [];
  private rows = 0;

  constructor(cell: Cell, mostRows: number) {
    const { definition } = cell;
    this.cell = cell;
    this.features = featuresOf(cell.record);
    this.inputs = allocate(definition.computeDtype, mostRows * this.features) as FloatArray;
    const dtypes = definition.stateGroups.flatMap(({ members, dtype }) => members.map((k) => [k, dtype] as const));
    const states: FloatArray[] = [];
    for (const [k, dtype] of dtypes) states[k] = allocate(dtype, mostRows * definition.stateWidths[k]) as FloatArray;
    this.states = states;
  }

  /** Adds a step of so many rows. Returns false if a value does not fit the dtype that it is for: then nothing is added. */
  add(inputs: TensorLiteral, rows: number, load: LoadStates): boolean {
    const { computeDtype } = this.cell.definition;
    if (!copyNumbers(inputs, computeDtype, this.inputs, this.rows * this.features)) return false;
    if (!load({ states: this.states, first: this.rows })) return false;
    this.firsts.push(this.rows);
    this.rows += rows;
    return true;
  }

  /** Takes the last one off again. */
  takeOff(): void {
    this.rows = this.firsts.pop() ?? 0;
  }

  /** Computes the steps of all. */
  async step(prepared: BatchedCell): Promise<SteppedRows> {
    const { cell, rows, inputs, states, features, firsts } = this;
    const { stateWidths } = cell.definition;
    const given = states.map((all, k) => all.subarray(0, rows * stateWidths[k]));
    const result = await prepared.step(inputs.subarray(0, rows * features), given, rows);
    return new SteppedRows(cell, result, [...firsts, rows]);
  }
}

/** Copies what was sent into an array of the dtype, from `start` on. Returns false if a value may not fit it. */
export function copyNumbers(given: TensorLiteral, dtype: Dtype, into: FloatArray, start: number): boolean {
  if (given instanceof SentTensor && given.dtype === dtype) {
    into.set(given.tensor.data as FloatArray, start);
    return true;
  }
  if (given.integers) return false;
  const { values } = given;
  // 0 times what is not finite is NaN.
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    into[start + i] = values[i];
    sum += into[start + i] * 0;
  }
  return sum === 0;
}

/** The results of the steps that were added, in their order: views of arrays that all share. */
export class SteppedRows {
  private readonly states: readonly FloatArray[];
  private readonly cell: Cell;
  private readonly output: FloatArray;
  private readonly firsts: readonly number[];

  constructor(cell: Cell, { output, states }: StepResult, firsts: readonly number[]) {
    this.cell = cell;
    this.output = output;
    this.states = states;
    this.firsts = firsts;
  }

  /** The next states of one. */
  rowsOf(place: number): StateRows {
    return { states: this.states, first: this.firsts[place] };
  }

  steppedOf(place: number, withStates: boolean): Stepped {
    const { output, states } = this;
    const { definition } = this.cell;
    const { outputIsState, outputDtype, stateGroups } = definition;
    const rows = this.firsts[place + 1] - this.firsts[place];
    const own = withStates ? states.map((all) => this.partOf(all, place)) : [];
    // An output that is a state stays the same array: it is then printed once.
    const shared = withStates ? states.indexOf(output) : -1;
    const data = shared < 0 ? this.partOf(output, place) : own[shared];
    // A layer may have another dtype than its cell.
    const dtype = outputIsState === null ? outputDtype : stateGroups[outputIsState].dtype;
    return {
      output: cast(new Tensor(dtype, outputShape(definition, [rows]), data), outputDtype),
      states: withStates ? fromCanonical(definition, own, rows) : [],
    };
  }

  private partOf(all: FloatArray, place: number): FloatArray {
    const { firsts } = this;
    const width = all.length / firsts[firsts.length - 1];
    return all.subarray(firsts[place] * width, firsts[place + 1] * width);
  }
}
