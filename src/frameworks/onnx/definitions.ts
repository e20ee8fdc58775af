import type { CellDefinition, StateGroup, Weights } from '../../domain/cell-definition.ts';
import type { JsonObject } from '../../domain/json.ts';
import { oncePerWeights } from '../../domain/once-per-weights.ts';
import type { CellProgram, RunProgram } from '../../domain/program.ts';
import { parseOperator } from './attributes.ts';
import { directionProgram, operatorGradients, operatorVariables, optionalVariables } from './cell-program.ts';
import { onnxTraceName } from './trace-names.ts';

export interface OnnxOptions {
  readonly maxUnits: number;
}

/**
 * The definition of the ONNX operator RNN, GRU or LSTM from its attributes. Y is always in time order, has an axis of
 * directions, and is zero past the end of a sequence; the states are Y_h (and Y_c) [directions, batch, hidden], or
 * [batch, directions, hidden] with layout 1. An empty sequence leaves them as they were.
 * @throws {Problem} as parseOperator
 */
export function onnxCell(className: string, config: JsonObject, { maxUnits }: OnnxOptions): CellDefinition {
  const operator = parseOperator(className, config, maxUnits);
  const { kind, dtype, directions, reverse, values } = operator;
  const hidden = values.hidden_size;
  const names = kind === 'lstm' ? ['h', 'c'] : ['h'];
  const step = oncePerWeights((features, weights) => directionProgram(operator, features, weights, 0));
  const run = (cell: CellProgram, goBackwards: boolean): RunProgram => {
    return { kind: 'run', computeDtype: dtype, cell, goBackwards };
  };
  const base = {
    traceName: onnxTraceName,
    framework: 'onnx',
    className,
    config: operator.config,
    variableDtype: dtype,
    computeDtype: dtype,
    arithmetics: operator.activations.map((activations) => ({ computeDtype: dtype, activations })),
    stateWidths: Array.from({ length: directions * names.length }, () => hidden),
    stateGroups: names.map(
      (name, k): StateGroup => ({
        name,
        members: Array.from({ length: directions }, (_, d) => d * names.length + k),
        width: hidden,
        dtype,
        stackAxis: values.layout === 1 ? 1 : 0,
      }),
    ),
    outputWidth: hidden,
    outputWidths: [directions * hidden],
    outputDtype: dtype,
    outputIsState: null,
    layout: { timeMajor: values.layout === 0, directions },
    sequenceDefaults: {
      returnSequences: true,
      goBackwards: reverse,
      zeroOutputForMask: true,
      fixed: ['return_sequences', 'go_backwards', 'zero_output_for_mask', 'time_major'],
    },
    optionalVariables: optionalVariables(operator),
    variables: (features, given) => operatorVariables(operator, features, given),
    featuresOf: (shapes) => {
      const W = Object.hasOwn(shapes, 'W') ? shapes.W : undefined;
      return W?.length === 3 ? W[2] : undefined;
    },
    gradients: ({ cells }) => operatorGradients(operator, cells),
  } satisfies Partial<CellDefinition>;
  if (directions === 1) {
    const sequence = (features: number, weights: Weights): RunProgram => {
      return { ...run(step(features, weights), reverse), timeOrder: reverse };
    };
    return { ...base, step, sequence };
  }
  return {
    ...base,
    sequence: oncePerWeights((features, weights) => ({
      kind: 'bidirectional',
      computeDtype: dtype,
      forward: run(directionProgram(operator, features, weights, 0), false),
      backward: run(directionProgram(operator, features, weights, 1), true),
      merge: 'concat',
    })),
  };
}
