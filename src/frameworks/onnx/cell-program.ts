import type { VariableSpec, Weights } from '../../domain/cell-definition.ts';
import type { CellGradients } from '../../domain/ports.ts';
import { type CellProgram, GATES } from '../../domain/program.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import { weightArray } from '../../domain/weight-array.ts';
import {
  canonicalBias,
  canonicalKernel,
  frameworkBias,
  frameworkMatrix,
  ONNX_GATES,
  ONNX_PEEPHOLE_GATES,
  PEEPHOLE_GATES,
  reorderBlocks,
  sumBiases,
} from '../gate-blocks.ts';
import type { ParsedOperator } from './attributes.ts';

/** Weights that a node may lack. */
export function optionalVariables({ kind }: ParsedOperator): readonly string[] {
  return kind === 'lstm' ? ['B', 'P'] : ['B'];
}

/**
 * W [directions, gates·hidden, features], R [directions, gates·hidden, hidden], B [directions, 2·gates·hidden] and, of LSTM,
 * P [directions, 3·hidden]. If weights are given, the optional B and P exist only if they are given too. If weights are
 * drawn, there is a B but no P. ONNX draws nothing: W and R are U(-1/√hidden, 1/√hidden), B is zeros.
 */
export function operatorVariables(
  operator: ParsedOperator,
  features: number,
  given: readonly string[] = ['B'],
): VariableSpec[] {
  const { kind, directions, dtype, values } = operator;
  const hidden = values.hidden_size;
  const rows = GATES[kind].length * hidden;
  const bound = 1 / Math.sqrt(hidden);
  const uniform = { className: 'RandomUniform', params: { seed: null, minval: -bound, maxval: bound } };
  const zeros = { className: 'Zeros', params: {} };
  const all = [
    { name: 'W', shape: [directions, rows, features], initializer: uniform },
    { name: 'R', shape: [directions, rows, hidden], initializer: uniform },
    { name: 'B', shape: [directions, 2 * rows], initializer: zeros },
    { name: 'P', shape: [directions, 3 * hidden], initializer: zeros },
  ];
  const optional = optionalVariables(operator);
  return all
    .filter(({ name }) => ['W', 'R'].includes(name) || (optional.includes(name) && given.includes(name)))
    .map((spec) => ({ ...spec, dtype, trainable: true }));
}

/**
 * The canonical program of one direction. Both halves of B are added in float64, so that their sum is not rounded;
 * GRU with linear_before_reset keeps the second apart, which is multiplied by r.
 * @throws {Problem} wrong-shape
 */
export function directionProgram(
  operator: ParsedOperator,
  features: number,
  weights: Weights,
  direction: number,
): CellProgram {
  const { kind, dtype, values, directions, clip } = operator;
  const units = values.hidden_size;
  const arrays = new Map<string, FloatArray>();
  for (const { name, shape } of operatorVariables(operator, features, Object.keys(weights))) {
    const all = weightArray(weights, name, shape, dtype);
    const size = all.length / directions;
    arrays.set(name, all.slice(direction * size, (direction + 1) * size));
  }
  const kernel = (name: string, columns: number) =>
    canonicalKernel(arrays.get(name) ?? new Float32Array(), columns, kind, ONNX_GATES);
  const both = arrays.get('B');
  const half = (both?.length ?? 0) / 2;
  const inputBias = both && canonicalBias(both.slice(0, half), kind, ONNX_GATES);
  const recurrentBias = both && canonicalBias(both.slice(half), kind, ONNX_GATES);
  const sum = inputBias && recurrentBias && sumBiases(inputBias, recurrentBias);
  const [f, g = f, h = g] = operator.activations[direction];
  const base = {
    features,
    units,
    computeDtype: dtype,
    kernel: kernel('W', features),
    recurrentKernel: kernel('R', units),
    ...(clip === undefined ? {} : { clip }),
  };
  switch (kind) {
    case 'simple_rnn':
      return { kind, ...base, bias: sum, activation: f };
    case 'gru': {
      const gates = { activation: g, recurrentActivation: f };
      return values.linear_before_reset
        ? { kind, ...base, ...gates, resetAfter: true, bias: inputBias, recurrentBias }
        : { kind, ...base, ...gates, resetAfter: false, bias: sum };
    }
    case 'lstm': {
      const gates = { activation: g, recurrentActivation: f, outputActivation: h };
      const P = arrays.get('P');
      const peepholes = P && { peepholes: reorderBlocks(P, ONNX_PEEPHOLE_GATES, PEEPHOLE_GATES) };
      const coupled = values.input_forget ? { inputForget: true } : {};
      return { kind, ...base, ...gates, bias: sum, ...coupled, ...peepholes };
    }
  }
}

/** Turns the gradients of each direction's program into gradients of the variables, direction after direction. */
export function operatorGradients(
  { kind, values }: ParsedOperator,
  directions: readonly CellGradients[],
): Record<string, FloatArray> {
  const each = directions.map(({ kernel, recurrentKernel, bias, recurrentBias = bias, peepholes }) => {
    const rows = GATES[kind].length * values.hidden_size;
    const halves = [bias, recurrentBias].flatMap((half) => half ?? []);
    return {
      W: frameworkMatrix(kernel, kernel.length / rows, kind, ONNX_GATES),
      R: frameworkMatrix(recurrentKernel, values.hidden_size, kind, ONNX_GATES),
      B: concatenate(halves.map((half) => frameworkBias(half, kind, ONNX_GATES))),
      P: peepholes ? reorderBlocks(peepholes, PEEPHOLE_GATES, ONNX_PEEPHOLE_GATES) : new Float64Array(),
    };
  });
  const names = ['W', 'R', 'B', 'P'] as const;
  const all = names.map((name) => [name, concatenate(each.map((one) => one[name]))] as const);
  // A node without features has an empty W; B and P may be missing.
  return Object.fromEntries(all.filter(([name, values]) => name === 'W' || values.length > 0));
}

function concatenate(parts: readonly FloatArray[]): Float64Array {
  const all = new Float64Array(parts.reduce((size, part) => size + part.length, 0));
  let start = 0;
  for (const part of parts) {
    all.set(part, start);
    start += part.length;
  }
  return all;
}
