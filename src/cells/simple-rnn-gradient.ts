import type { SimpleRnnProgram } from '../domain/program.ts';
import { float64 } from './cell-row.ts';
import { gateGradient } from './gate-gradient.ts';
import { pullGateProducts } from './gate-product.ts';
import { simpleRnnRow } from './simple-rnn.ts';
import { addTo, type DifferentiableCell, recordStep } from './step-gradient.ts';

/**
 * Back through h' = activation(p), p = x·W + b + h·U. With d the gradient with respect to what follows it:
 * dp = activation'(p)∘dh'   db = dp   dW = xᵀ·dp   dU = hᵀ·dp   dx = dp·Wᵀ   dh = dp·Uᵀ
 */
export function simpleRnnGradient(program: SimpleRnnProgram): DifferentiableCell {
  const { features, units } = program;
  const row = simpleRnnRow(program);
  const W = float64(program.kernel);
  const U = float64(program.recurrentKernel);
  const activation = gateGradient(program.activation, program.clip);
  return {
    row,
    step(masks) {
      const { inputs: x, states, gates } = recordStep(row, masks);
      const [h] = states;
      return ([dNext], sums) => {
        const dp = activation(gates[0], dNext);
        addTo(sums.bias, dp);
        const [dx, dh] = [new Float64Array(features), new Float64Array(units)];
        const input = { vector: x, matrix: W, gates: 1, units, masks: masks?.inputs };
        pullGateProducts(input, dp, sums.kernel, dx);
        const recurrent = { vector: h, matrix: U, gates: 1, units, masks: masks?.recurrent };
        pullGateProducts(recurrent, dp, sums.recurrentKernel, dh);
        return { inputs: dx, states: [dh] };
      };
    },
  };
}
