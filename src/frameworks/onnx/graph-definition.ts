import type { CellDefinition, StateGroup } from '../../domain/cell-definition.ts';
import { type GraphState, type GraphValue, isOpen } from '../../domain/graph.ts';
import type { JsonObject } from '../../domain/json.ts';
import { sizeOf } from '../../domain/tensor.ts';
import { parseGraphConfig } from './graph-config.ts';

/** The class name of a cell that is a whole graph. */
export const GRAPH_CLASS = 'Graph';

/** The definition of such a cell, from a config that `graphConfig` has made. @throws {Problem} invalid-config for another one */
export function graphCell(config: JsonObject): CellDefinition {
  const graph = parseGraphConfig(config);
  const [input] = graph.inputs;
  const [output] = graph.outputs;
  const noFormula = () => {
    throw new Error('a graph has no program of cells');
  };
  return {
    framework: 'onnx',
    className: GRAPH_CLASS,
    config,
    graph,
    variableDtype: 'float32',
    computeDtype: input?.dtype ?? 'float32',
    stateWidths: graph.states.map((state) => numbersOf(state)),
    stateGroups: graph.states.map(stateGroup),
    outputWidth: output ? numbersOf(output) : 0,
    outputDtype: output?.dtype ?? 'float32',
    outputIsState: null,
    fixedInputShape: input ? input.shape.map((extent) => (isOpen(extent) ? null : extent)) : [null],
    layout: { timeMajor: false },
    sequenceDefaults: { returnSequences: true, goBackwards: false, fixed: [] },
    arithmetics: [],
    variables: () => [],
    step: noFormula,
    featuresOf: () => undefined,
    sequence: noFormula,
    gradients: noFormula,
  };
}

/** Rows of a batch stand along its axis of rows; a state without one has one row. */
function stateGroup(state: GraphState, index: number): StateGroup {
  const { name, dtype, shape, rows } = state;
  const extents = shape.map((extent, axis) => (axis === rows ? null : Number(extent)));
  return { name, members: [index], width: numbersOf(state), dtype, extents };
}

/** Numbers of one row; an axis that is left open counts as one. */
function numbersOf({ shape, rows }: GraphValue): number {
  return sizeOf(shape.map((extent, axis) => (axis === rows || isOpen(extent) ? 1 : extent)));
}
