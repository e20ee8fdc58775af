import type { z } from 'zod';
import type { cellReply, graphReply } from '../../schemas/cell.ts';
import { type TensorFormat, TensorReply } from '../../schemas/tensor.ts';
import type { VariableReply } from '../../schemas/variable.ts';
import { outputShape, type StateGroup } from '../../src/domain/cell-definition.ts';
import type { Imported } from '../../src/domain/files.ts';
import { type GraphInterface, type GraphValue, isOpen } from '../../src/domain/graph.ts';
import { sizeOf, Tensor } from '../../src/domain/tensor.ts';
import type { CellDescription, CellRecord } from '../../src/services/cells/cell-record.ts';
import type { ReadGraph } from '../../src/services/cells/create-graph.ts';
import type { Gradients } from '../../src/services/compute/cell-gradients.ts';
import type { Trace } from '../../src/services/compute/trace.ts';
import type { Variable } from '../../src/services/variables/variables.ts';

/** A cell as clients see it. */
export function presentCell(record: CellRecord, { definition, precision }: CellDescription): z.input<typeof cellReply> {
  const { id, framework, class_name, config, initializer_seeds, input_shape, variables, version } = record;
  return {
    id,
    framework: framework as 'keras',
    class_name,
    config: config as Record<string, unknown>,
    precision,
    initializer_seeds: { ...initializer_seeds },
    built: input_shape !== null,
    input_shape: input_shape && [...input_shape],
    state_shapes: definition.stateGroups.map((group) => presentStateShape(group)),
    state_names: definition.stateGroups.map(({ name }) => name),
    ...(definition.graph ? presentGraphNames(definition.graph) : {}),
    output_shape: definition.graph
      ? presentExtents(definition.graph.outputs[0])
      : [null, ...outputShape(definition, [])],
    output_is_state: definition.outputIsState,
    variables: variables.map((variable) => ({ ...variable, shape: [...variable.shape] })),
    parameter_count: variables.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    version,
    created_at: new Date(record.created_at).toISOString(),
    updated_at: new Date(record.updated_at).toISOString(),
  };
}

/** Adds the parts that an import left out of its file, if any. */
export function presentImported(cell: z.input<typeof cellReply>, imported?: Imported) {
  if (!imported) return cell;
  const skipped = imported.skipped.map(({ name, reason }) => ({ name, reason }));
  return { ...cell, imported: { layers: [...imported.layers], skipped } };
}

function presentGraphNames({ inputs, outputs }: GraphInterface) {
  return { input_names: inputs.map(({ name }) => name), output_names: outputs.map(({ name }) => name) };
}

/** null stands for an open extent. */
function presentExtents({ shape }: GraphValue): (number | null)[] {
  return shape.map((extent) => (isOpen(extent) ? null : extent));
}

/** A graph that could be a cell. */
export function presentGraph({ definition, variables, skipped }: ReadGraph): z.input<typeof graphReply> {
  return {
    graph: definition.graph as z.input<typeof graphReply>['graph'],
    variables: variables.map((variable) => ({ ...variable, shape: [...variable.shape] })),
    skipped: skipped.map(({ name, reason }) => ({ name, reason })),
  };
}

/** Outputs by name. */
export function presentNamed(outputs: Readonly<Record<string, Tensor>>, format: TensorFormat) {
  return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, new TensorReply(tensor, format)]));
}

/** null stands for any batch. */
function presentStateShape(group: StateGroup): (number | null)[] {
  const { stackAxis, members, width, extents } = group;
  if (extents) return [...extents];
  if (stackAxis === undefined) return [null, width];
  return stackAxis === 0 ? [members.length, null, width] : [null, members.length, width];
}

export function presentVariable(variable: Variable, format: TensorFormat): VariableReply {
  const { id, name, trainable, version, value } = variable;
  const own = id === undefined ? { name } : { id };
  return {
    ...own,
    shape: [...value.shape],
    dtype: value.dtype,
    trainable,
    value: new TensorReply(value, format),
    version,
  };
}

export function presentTensors(tensors: readonly Tensor[], format: TensorFormat): TensorReply[] {
  return tensors.map((tensor) => new TensorReply(tensor, format));
}

export function presentTrace(trace: Trace, format: TensorFormat) {
  const gates = Object.entries(trace).map(([name, { before, after }]) => {
    return [name, { before: new TensorReply(before, format), after: new TensorReply(after, format) }] as const;
  });
  return Object.fromEntries(gates);
}

/** The fields of a computation besides its output: states, gates and version. */
export function presentComputed(
  { states, trace, cellVersion }: { states: readonly Tensor[]; trace?: Trace; cellVersion: number },
  format: TensorFormat,
) {
  return {
    states: presentTensors(states, format),
    ...(trace ? { trace: presentTrace(trace, format) } : {}),
    cell_version: cellVersion,
  };
}

/** One output; a list of two where a bidirectional layer does not merge its directions. */
export function presentOutputs(outputs: readonly Tensor[], format: TensorFormat): TensorReply | TensorReply[] {
  const shown = presentTensors(outputs, format);
  return shown.length === 1 ? shown[0] : shown;
}

export function presentGradients(result: Gradients, format: TensorFormat) {
  const { outputs, states, objective, inputs, initialState, variables, cellVersion } = result;
  const named = Object.entries(variables).map(([name, tensor]) => [name, new TensorReply(tensor, format)] as const);
  const sum = new TensorReply(new Tensor('float64', [], Float64Array.of(objective)), 'nested');
  return {
    output: presentOutputs(outputs, format),
    states: presentTensors(states, format),
    objective: sum,
    // The former name of the field `objective`.
    loss: sum,
    gradients: {
      inputs: new TensorReply(inputs, format),
      initial_state: presentTensors(initialState, format),
      ...Object.fromEntries(named),
    },
    cell_version: cellVersion,
  };
}
