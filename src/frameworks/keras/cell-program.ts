import type { VariableSpec, Weights } from '../../domain/cell-definition.ts';
import type { CellGradients } from '../../domain/ports.ts';
import { type CellProgram, GATES } from '../../domain/program.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import { weightArray } from '../../domain/weight-array.ts';
import type { CellClass } from './cell-classes.ts';
import type { ParsedCell } from './parse-cell.ts';
import { variableRules } from './variable-rules.ts';

const KINDS = { SimpleRNNCell: 'simple_rnn', GRUCell: 'gru', LSTMCell: 'lstm' } as const satisfies Record<
  CellClass,
  keyof typeof GATES
>;

/**
 * kernel [features, gates·units], recurrent_kernel [units, gates·units] and, with use_bias, bias [gates·units] or
 * [2, 3·units] for a GRU with reset_after. Keras build(); the seed generator's state is left out, as in cell.weights.
 */
export function cellVariables(cell: ParsedCell, features: number): VariableSpec[] {
  const { units, trainable } = cell;
  const width = GATES[KINDS[cell.className]].length * units;
  const common = { dtype: cell.policy.variableDtype, trainable };
  const held = (variable: string) => variableRules(cell.config, variable);
  const { kernelInitializer, recurrentInitializer, biasInitializer } = cell;
  const variables: VariableSpec[] = [
    { name: 'kernel', shape: [features, width], ...common, initializer: kernelInitializer, ...held('kernel') },
    {
      name: 'recurrent_kernel',
      shape: [units, width],
      ...common,
      initializer: recurrentInitializer,
      ...held('recurrent'),
    },
  ];
  if (!cell.useBias) return variables;
  const shape = cell.resetAfter ? [2, width] : [width];
  const bias: VariableSpec = { name: 'bias', shape, ...common, initializer: biasInitializer, ...held('bias') };
  return [...variables, cell.unitForgetBias ? { ...bias, unitForgetBias: true } : bias];
}

/** Under a mixed policy the variables are float32 and Keras casts them to the compute dtype at every use. */
export function cellProgram(cell: ParsedCell, features: number, weights: Weights): CellProgram {
  const { units, policy, activation, recurrentActivation = activation } = cell;
  const arrays = new Map<string, FloatArray>();
  for (const { name, shape } of cellVariables(cell, features)) {
    arrays.set(name, weightArray(weights, name, shape, policy.computeDtype));
  }
  const array = (name: string): FloatArray => {
    const found = arrays.get(name);
    if (found === undefined) throw new TypeError(`the cell has no ${name}`);
    return found;
  };
  const base = {
    features,
    units,
    computeDtype: policy.computeDtype,
    kernel: array('kernel'),
    recurrentKernel: array('recurrent_kernel'),
    activation,
    dropout: cell.dropout,
  };
  const bias = arrays.get('bias');
  switch (cell.className) {
    case 'SimpleRNNCell':
      return { kind: 'simple_rnn', ...base, bias };
    case 'GRUCell': {
      const resetAfter = cell.resetAfter === true;
      const gru = { kind: 'gru', ...base, recurrentActivation, resetAfter } as const;
      // With reset_after, row 0 of the bias is added to the input's product and row 1 to the state's.
      return resetAfter
        ? { ...gru, bias: bias?.slice(0, 3 * units), recurrentBias: bias?.slice(3 * units) }
        : { ...gru, bias };
    }
    case 'LSTMCell':
      return { kind: 'lstm', ...base, bias, recurrentActivation, outputActivation: activation };
  }
}

/**
 * Turns the gradients of a cell's program into gradients of its variables. Only a GRU differs: its two biases are one
 * variable.
 */
export function cellGradients(cell: ParsedCell, gradients: CellGradients): Record<string, FloatArray> {
  const { kernel, recurrentKernel, bias, recurrentBias } = gradients;
  const named: Record<string, FloatArray> = { kernel, recurrent_kernel: recurrentKernel };
  if (!cell.useBias || !bias) return named;
  if (!recurrentBias) return { ...named, bias };
  const both = new Float64Array(bias.length + recurrentBias.length);
  both.set(bias);
  both.set(recurrentBias, bias.length);
  return { ...named, bias: both };
}
