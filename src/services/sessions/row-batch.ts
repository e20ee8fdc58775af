import { outputShape } from '../../domain/cell-definition.ts';
import type { BatchedCell } from '../../domain/ports.ts';
import { allocate, cast, type FloatArray, Tensor } from '../../domain/tensor.ts';
import { SentTensor, type TensorLiteral } from '../../domain/tensor-literal.ts';
import { type Cell, featuresOf } from '../cells/cell-record.ts';
import { fromCanonical, toCanonical } from '../compute/states.ts';
import type { Stepped } from '../compute/step-cell.ts';
import type { Session } from './session-record.ts';

/** The inputs and states of several sessions of a cell, one below another, for one product. */
export class RowBatch {
  private readonly cell: Cell;
  private readonly features: number;
  private readonly inputs: FloatArray;
  private readonly states: readonly FloatArray[];
  /** Rows of each session. */
  private readonly sizes: number[] = [];
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

  /** Returns false if a value does not fit the dtype of the cell. */
  add(inputs: TensorLiteral, { record, states }: Session): boolean {
    const { definition } = this.cell;
    const { batch_size: rows } = record;
    if (!this.addInputs(inputs)) return false;
    const canonical = toCanonical(definition, states, rows);
    for (let k = 0; k < canonical.length; k++) this.states[k].set(canonical[k], this.rows * definition.stateWidths[k]);
    this.sizes.push(rows);
    this.rows += rows;
    return true;
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

  /** The outputs and next states of each session that was added: views of arrays that all share. */
  async step(prepared: BatchedCell): Promise<Stepped[]> {
    const { cell, rows, inputs, states, features, sizes } = this;
    const { definition } = cell;
    const { stateWidths, outputIsState, outputDtype, stateGroups } = definition;
    const given = states.map((all, k) => all.subarray(0, rows * stateWidths[k]));
    const { output, states: next } = await prepared.step(inputs.subarray(0, rows * features), given, rows);
    const width = output.length / rows;
    const shared = next.indexOf(output);
    // A layer may have another dtype than its cell.
    const dtype = outputIsState === null ? outputDtype : stateGroups[outputIsState].dtype;
    const results: Stepped[] = [];
    let from = 0;
    for (const own of sizes) {
      const to = from + own;
      const canonical: FloatArray[] = [];
      for (let k = 0; k < next.length; k++) {
        canonical.push(next[k].subarray(from * stateWidths[k], to * stateWidths[k]));
      }
      // An output that is a state stays the same array: it is then printed once.
      const data = shared < 0 ? output.subarray(from * width, to * width) : canonical[shared];
      results.push({
        output: cast(new Tensor(dtype, outputShape(definition, [own]), data), outputDtype),
        states: fromCanonical(definition, canonical, own),
      });
      from = to;
    }
    return results;
  }
}
