import { outputShape } from '../../domain/cell-definition.ts';
import type { BatchedCell, StepResult } from '../../domain/ports.ts';
import { allocate, cast, type FloatArray, Tensor } from '../../domain/tensor.ts';
import { SentTensor, type TensorLiteral } from '../../domain/tensor-literal.ts';
import { type Cell, featuresOf } from '../cells/cell-record.ts';
import { fromCanonical } from '../compute/states.ts';
import type { Stepped } from '../compute/step-cell.ts';
import type { SessionRows, StateRows } from './session-rows.ts';

/** The inputs and states of several sessions of a cell, one below another, for one product. */
export class RowBatch {
  private readonly cell: Cell;
  private readonly features: number;
  private readonly inputs: FloatArray;
  private readonly states: readonly FloatArray[];
  /** The first row of each session. */
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

  /** Adds a step of the session `k`. Returns false if a value does not fit the dtype of the cell: then nothing is added. */
  add(inputs: TensorLiteral, sessions: SessionRows, k: number): boolean {
    if (!this.addInputs(inputs)) return false;
    sessions.load(k, this.cell.definition, { states: this.states, first: this.rows });
    this.firsts.push(this.rows);
    this.rows += sessions.number(k, 'batch_size');
    return true;
  }

  /** Takes the last one off again. */
  takeOff(): void {
    this.rows = this.firsts.pop() ?? 0;
  }

  private addInputs(given: TensorLiteral): boolean {
    const { inputs, features, rows } = this;
    const start = rows * features;
    if (given instanceof SentTensor && given.dtype === this.cell.definition.computeDtype) {
      inputs.set(given.tensor.data as FloatArray, start);
      return true;
    }
    if (given.integers) return false;
    const { values } = given;
    // 0 times what is not finite is NaN.
    let sum = 0;
    for (let i = 0; i < values.length; i++) {
      inputs[start + i] = values[i];
      sum += inputs[start + i] * 0;
    }
    return sum === 0;
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
    const { output, states, firsts } = this;
    const { definition } = this.cell;
    const { outputIsState, outputDtype, stateGroups, stateWidths } = definition;
    const [from, to] = [firsts[place], firsts[place + 1]];
    const part = (all: FloatArray, width: number) => all.subarray(from * width, to * width);
    const own = withStates ? states.map((all, k) => part(all, stateWidths[k])) : [];
    // An output that is a state stays the same array: it is then printed once.
    const shared = withStates ? states.indexOf(output) : -1;
    const data = shared < 0 ? part(output, output.length / firsts[firsts.length - 1]) : own[shared];
    // A layer may have another dtype than its cell.
    const dtype = outputIsState === null ? outputDtype : stateGroups[outputIsState].dtype;
    return {
      output: cast(new Tensor(dtype, outputShape(definition, [to - from]), data), outputDtype),
      states: withStates ? fromCanonical(definition, own, to - from) : [],
    };
  }
}
