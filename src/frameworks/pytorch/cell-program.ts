import type { VariableSpec, Weights } from '../../domain/cell-definition.ts';
import type { CellGradients } from '../../domain/ports.ts';
import { type CellProgram, GATES } from '../../domain/program.ts';
import { RELU, SIGMOID, TANH } from '../../domain/standard-activations.ts';
import type { FloatArray, Shape } from '../../domain/tensor.ts';
import { weightArray } from '../../domain/weight-array.ts';
import {
  canonicalBias,
  canonicalKernel,
  frameworkBias,
  frameworkMatrix,
  PYTORCH_GATES,
  sumBiases,
  transpose,
} from '../gate-blocks.ts';
import type { ParsedModule } from './arguments.ts';

/** One cell of a module: one direction of one layer. */
export interface ModuleCell {
  /** Ends the names of its variables: '' of a cell's, `_l0`, `_l0_reverse`, `_l1` … of a layer's. */
  readonly suffix: string;
  readonly features: number;
}

/** The width of h: the projection's width, if there is one. */
export function hiddenWidth({ values }: ParsedModule): number {
  return values.proj_size > 0 ? values.proj_size : values.hidden_size;
}

/**
 * weight_ih [gates·hidden, features], weight_hh [gates·hidden, width of h], with bias bias_ih and bias_hh
 * [gates·hidden], with proj_size weight_hr [proj_size, hidden]; all drawn from U(-1/√hidden, 1/√hidden).
 * RNNBase.__init__ and reset_parameters.
 */
export function cellVariables(module: ParsedModule, { suffix, features }: ModuleCell): VariableSpec[] {
  const { hidden_size, bias, proj_size } = module.values;
  const rows = GATES[module.kind].length * hidden_size;
  const shapes: Record<string, Shape> = {
    weight_ih: [rows, features],
    weight_hh: [rows, hiddenWidth(module)],
    ...(bias ? { bias_ih: [rows], bias_hh: [rows] } : {}),
    ...(proj_size > 0 ? { weight_hr: [proj_size, hidden_size] } : {}),
  };
  const bound = 1 / Math.sqrt(hidden_size);
  const initializer = { className: 'RandomUniform', params: { seed: null, minval: -bound, maxval: bound } };
  return Object.entries(shapes).map(([name, shape]) => {
    return { name: `${name}${suffix}`, shape, dtype: module.dtype, trainable: true, initializer };
  });
}

/**
 * The canonical program of one cell. Both biases are added in float64, so that their sum is not rounded; only GRU keeps
 * bias_hh apart, which it multiplies by r: n = tanh(x·Wn + bn + r∘(h·Un + b'n)), Keras' reset_after.
 * @throws {Problem} wrong-shape
 */
export function cellProgram(module: ParsedModule, cell: ModuleCell, weights: Weights): CellProgram {
  const { kind, dtype, values } = module;
  const units = values.hidden_size;
  const width = hiddenWidth(module);
  const arrays = new Map<string, FloatArray>();
  for (const { name, shape } of cellVariables(module, cell)) {
    arrays.set(name.slice(0, name.length - cell.suffix.length), weightArray(weights, name, shape, dtype));
  }
  const kernel = (name: string, columns: number) =>
    canonicalKernel(arrays.get(name) ?? new Float32Array(), columns, kind, PYTORCH_GATES);
  const [biasIh, biasHh] = ['bias_ih', 'bias_hh'].map((name) => {
    const bias = arrays.get(name);
    return bias && canonicalBias(bias, kind, PYTORCH_GATES);
  });
  const base = {
    features: cell.features,
    units,
    computeDtype: dtype,
    kernel: kernel('weight_ih', cell.features),
    recurrentKernel: kernel('weight_hh', width),
  };
  const sum = biasIh && biasHh && sumBiases(biasIh, biasHh);
  switch (kind) {
    case 'simple_rnn':
      return { kind, ...base, bias: sum, activation: values.nonlinearity === 'relu' ? RELU : TANH };
    case 'gru': {
      const gates = { activation: TANH, recurrentActivation: SIGMOID, resetAfter: true };
      return { kind, ...base, ...gates, bias: biasIh, recurrentBias: biasHh };
    }
    case 'lstm': {
      const gates = { activation: TANH, recurrentActivation: SIGMOID, outputActivation: TANH };
      const hr = arrays.get('weight_hr');
      return { kind, ...base, ...gates, bias: sum, ...(hr ? { projection: transpose(hr, width, units) } : {}) };
    }
  }
}

/** Turns the gradients of one cell's program into gradients of its variables. Both terms of a summed bias get its gradient. */
export function cellGradients(
  module: ParsedModule,
  { suffix, features }: ModuleCell,
  { kernel, recurrentKernel, bias, recurrentBias = bias, projection }: CellGradients,
): Record<string, FloatArray> {
  const { kind, values } = module;
  const width = hiddenWidth(module);
  const gradients: Record<string, FloatArray> = {
    [`weight_ih${suffix}`]: frameworkMatrix(kernel, features, kind, PYTORCH_GATES),
    [`weight_hh${suffix}`]: frameworkMatrix(recurrentKernel, width, kind, PYTORCH_GATES),
  };
  if (bias) gradients[`bias_ih${suffix}`] = frameworkBias(bias, kind, PYTORCH_GATES);
  if (recurrentBias) gradients[`bias_hh${suffix}`] = frameworkBias(recurrentBias, kind, PYTORCH_GATES);
  if (projection) gradients[`weight_hr${suffix}`] = transpose(projection, values.hidden_size, width);
  return gradients;
}
