import type { CellRow, RowTrace } from '../cells/cell-row.ts';
import { gruRow } from '../cells/gru.ts';
import { lstmRow } from '../cells/lstm.ts';
import { dropoutRows } from '../cells/random/dropout.ts';
import { simpleRnnRow } from '../cells/simple-rnn.ts';
import type { GateTrace, PreparedCell, StepResult } from '../domain/ports.ts';
import type { CellProgram } from '../domain/program.ts';
import { allocate, type Dtype, type FloatArray, rounder } from '../domain/tensor.ts';
import { createEngine, type Engine } from './engine.ts';

/**
 * The exact engine: every row on its own in float64, each result rounded once to the compute dtype. Slower than SIMD,
 * and the measure of it. A row's bits do not depend on the batch it rides in.
 */
export const referenceEngine: Engine = createEngine((program: CellProgram): PreparedCell => {
  const row = cellRow(program);
  const masksOf = dropoutRows(program);
  const dtype = program.computeDtype;
  const round = rounder(dtype);
  return {
    step(inputs, states, batch, { trace: traced = false, training } = {}): StepResult {
      const masks = training && masksOf(batch, training);
      const next = row.nextStates.map((state) => allocate(dtype, batch * state.length) as FloatArray);
      const trace = traced ? row.trace.map((gate) => emptyTrace(gate, batch, dtype)) : undefined;
      for (let n = 0; n < batch; n++) {
        load(row.inputs, inputs, n);
        for (let k = 0; k < next.length; k++) load(row.states[k], states[k], n);
        row.step(masks?.[n]);
        for (let k = 0; k < next.length; k++) store(next[k], row.nextStates[k], n, round);
        for (let k = 0; trace && k < trace.length; k++) {
          store(trace[k].before, row.trace[k].before, n, round);
          store(trace[k].after, row.trace[k].after, n, round);
        }
      }
      return { output: next[0], states: next, trace };
    },
  };
});

/** @throws {Problem} invalid-config for an activation that a cell can't have. */
function cellRow(program: CellProgram): CellRow {
  switch (program.kind) {
    case 'simple_rnn':
      return simpleRnnRow(program);
    case 'gru':
      return gruRow(program);
    case 'lstm':
      return lstmRow(program);
  }
}

function emptyTrace({ name, before }: RowTrace, batch: number, dtype: Dtype): GateTrace {
  const width = before.length;
  const floats = () => allocate(dtype, batch * width) as FloatArray;
  return { name, dtype, width, before: floats(), after: floats() };
}

function load(row: Float64Array, batch: FloatArray, n: number): void {
  const start = n * row.length;
  for (let k = 0; k < row.length; k++) row[k] = batch[start + k];
}

function store(batch: FloatArray, row: Float64Array, n: number, round: (value: number) => number): void {
  const start = n * row.length;
  for (let k = 0; k < row.length; k++) batch[start + k] = round(row[k]);
}
