import type { SimpleRnnProgram } from '../domain/program.ts';
import { type CellRow, float64, gateFunction } from './cell-row.ts';
import { addGateProducts } from './gate-product.ts';

/**
 * h' = activation(x·W + b + h·U). x [features], h [units]. Keras SimpleRNNCell.call (keras/src/layers/rnn/simple_rnn.py).
 * In training x and h are masked first.
 * @throws {Problem} invalid-config for an activation that a gate can't have.
 */
export function simpleRnnRow(program: SimpleRnnProgram): CellRow {
  const { features, units } = program;
  const W = float64(program.kernel);
  const U = float64(program.recurrentKernel);
  const b = program.bias && float64(program.bias);
  const activation = gateFunction(program.activation, program.clip);

  const x = new Float64Array(features);
  const h = new Float64Array(units);
  const sum = new Float64Array(units);
  const next = new Float64Array(units);
  return {
    inputs: x,
    states: [h],
    nextStates: [next],
    trace: [{ name: 'h', before: sum, after: next }],
    step(masks) {
      if (b) sum.set(b);
      else sum.fill(0);
      addGateProducts(sum, { vector: x, matrix: W, gates: 1, units, masks: masks?.inputs });
      addGateProducts(sum, { vector: h, matrix: U, gates: 1, units, masks: masks?.recurrent });
      activation(sum, next);
    },
  };
}
