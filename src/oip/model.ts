import { stateShape, stepRank } from '../domain/cell-definition.ts';
import { type GraphValue, isOpen } from '../domain/graph.ts';
import type { Shape } from '../domain/tensor.ts';
import type { Cell } from '../services/cells/cell-record.ts';
import { DATATYPES } from './datatypes.ts';

/** A tensor that a cell takes or gives; -1 is any extent. */
interface ModelTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: Shape;
  /** If left out, it is zeros. */
  readonly optional?: true;
}

const ANY = -1;

/** The inputs of a cell, and the states if the client carries them. */
function inputsOf({ definition, record }: Cell): ModelTensor[] {
  const { inputDims, computeDtype, step, graph } = definition;
  if (graph) {
    return [
      ...graph.inputs.map(graphTensor),
      ...graph.states.map((one) => ({ ...graphTensor(one), optional: true }) as const),
    ];
  }
  const features = inputDims ?? [record.input_shape?.at(-1) ?? ANY];
  const datatype = inputDims?.length === 0 ? DATATYPES.int32 : DATATYPES[computeDtype];
  const shape = [...(step ? [ANY] : [ANY, ANY]), ...features];
  return [
    { name: 'inputs', datatype, shape },
    ...statesOf(definition).map((state) => ({ ...state, optional: true as const })),
  ];
}

/** The outputs of a cell. A step also gives the states. */
function outputsOf({ definition }: Cell): ModelTensor[] {
  const { outputDims, outputWidth, outputWidths = [outputWidth], outputDtype, step, layout, graph } = definition;
  if (graph) {
    const next = graph.states.map((state) => graphTensor({ ...state, name: state.output }));
    return [...graph.outputs.map(graphTensor), ...next];
  }
  const lead = step ? [ANY] : [ANY, ANY, ...(layout.directions ? [layout.directions] : [])];
  const outputs = outputWidths.map((width, i) => ({
    name: outputName(i, outputWidths.length),
    datatype: DATATYPES[outputDtype],
    shape: [...lead, ...(outputDims ?? [width])],
  }));
  return [...outputs, ...statesOf(definition)];
}

/** A whole graph keeps its own names. */
function graphTensor({ name, dtype, shape }: GraphValue): ModelTensor {
  return { name, datatype: DATATYPES[dtype], shape: shape.map((extent) => (isOpen(extent) ? ANY : extent)) };
}

/** The names of inputsOf, in less time. */
export function inputNames({ graph, stateGroups }: Cell['definition']): string[] {
  if (graph) return [...graph.inputs, ...graph.states].map(({ name }) => name);
  return ['inputs', ...stateGroups.map((_, i) => stateName(i))];
}

/** The names of outputsOf, in less time. */
export function outputNames({ graph, stateGroups, outputWidths }: Cell['definition']): string[] {
  if (graph) return [...graph.outputs.map(({ name }) => name), ...graph.states.map(({ output }) => output)];
  const outputs = outputWidths?.map((_, i) => outputName(i, outputWidths.length)) ?? [outputName(0, 1)];
  return [...outputs, ...stateGroups.map((_, i) => stateName(i))];
}

function outputName(i: number, count: number): string {
  return count > 1 ? `output.${i}` : 'output';
}

function stateName(i: number): string {
  return `states.${i}`;
}

function statesOf({ stateGroups }: Cell['definition']): ModelTensor[] {
  return stateGroups.map((group, i) => ({
    name: stateName(i),
    datatype: DATATYPES[group.dtype],
    shape: stateShape(group, ANY),
  }));
}

/** Whether inputs with this number of axes are a sequence, which has a time axis. */
export function isSequence({ definition }: Cell, rank: number): boolean {
  const { graph } = definition;
  if (graph) return rank > (graph.inputs[0]?.shape.length ?? rank);
  return rank > stepRank(definition) || !definition.step;
}

/** GET /v2/models/{cell}. */
export function modelMetadata(cell: Cell) {
  const shown = ({ name, datatype, shape }: ModelTensor) => ({ name, datatype, shape });
  return {
    name: cell.record.id,
    versions: [String(cell.record.version)],
    platform: `cellstep_${cell.definition.framework}`,
    inputs: inputsOf(cell).map(shown),
    outputs: outputsOf(cell).map(shown),
  };
}

/** GET /v2/models/{cell}/config, as Triton's ModelConfig. The batch is an axis of every shape, so max_batch_size is 0. */
export function modelConfig(cell: Cell) {
  const { id, version } = cell.record;
  const shown = ({ name, datatype, shape, optional }: ModelTensor) => ({
    name,
    data_type: `TYPE_${datatype}`,
    dims: shape,
    ...(optional ? { optional } : {}),
  });
  return {
    name: id,
    platform: `cellstep_${cell.definition.framework}`,
    backend: 'cellstep',
    version_policy: { specific: { versions: [version] } },
    max_batch_size: 0,
    input: inputsOf(cell).map(shown),
    output: outputsOf(cell).map(shown),
  };
}
