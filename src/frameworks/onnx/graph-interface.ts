import type {
  GraphConstant,
  GraphEdge,
  GraphInterface,
  GraphModel,
  GraphState,
  GraphValue,
} from '../../domain/graph.ts';
import { isOpen } from '../../domain/graph.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { literalToTensor, type TensorLiteral } from '../../domain/tensor-literal.ts';
import { askedStates, proposedStates, type StateName, textOf } from './find-states.ts';
import { rowsOfValue } from './graph-rows.ts';

/** What a request says of a graph. */
export interface GraphOptions {
  /** Left out: those that can be found. */
  readonly states?: readonly StateName[];
  readonly constants: Readonly<Record<string, TensorLiteral>>;
}

/** Numbers that all constants of a graph may have. */
const MAX_CONSTANT_ELEMENTS = 65_536;
/** Inputs, and outputs, of a graph. */
const MAX_EDGES = 256;

/** What a graph takes and gives as a cell. @throws {Problem} invalid-file, invalid-value, no-state */
export function graphInterface(model: GraphModel, options: GraphOptions): GraphInterface {
  if (model.inputs.length > MAX_EDGES || model.outputs.length > MAX_EDGES) {
    const detail = `The graph has ${model.inputs.length} inputs and ${model.outputs.length} outputs; at most ${MAX_EDGES} of each are taken.`;
    throw new Problem('limit-exceeded', detail);
  }
  const constants = Object.entries(options.constants).map(([name, value]) => constantOf(model, name, value));
  const fixed = constants.map(({ name }) => name);
  const states = options.states
    ? askedStates(model, options.states)
    : proposedStates(model, fixed).filter((state) => openAxis(state) < 0);
  const both = states.find(({ name }) => fixed.includes(name));
  if (both)
    throw fieldProblem('invalid-value', '?constants', `'${both.name}' is a state. It cannot be a constant too.`);
  if (options.states) for (const state of states) requireKnownSize(state);
  if (states.length === 0 && !options.states) throw noState(model);
  const isState = (name: string) => states.some((state) => state.name === name);
  const others = model.outputs.filter(({ name }) => !states.some((state) => state.output === name));
  return {
    inputs: model.inputs
      .filter(({ name }) => !isState(name) && !fixed.includes(name))
      .map((one) => edgeValue(one, 'input')),
    // A graph that gives states only shows the first of them.
    outputs: (others.length > 0 ? others : model.outputs.slice(0, 1)).map((one) => edgeValue(one, 'output')),
    states,
    constants,
  };
}

function edgeValue(edge: GraphEdge, kind: 'input' | 'output'): GraphValue {
  const { name, dtype, shape, type } = edge;
  if (dtype && shape) return { name, dtype, shape, rows: rowsOfValue(shape) };
  const reason = dtype ? 'The file does not tell how many axes it has.' : `Cells have no type ${type}.`;
  throw new Problem('invalid-file', `The ${kind} '${name}' of the graph cannot be used: ${reason}`);
}

/** Besides its rows, a state has one size for good: the first axis that leaves it open, or -1. */
function openAxis({ shape, rows }: GraphState): number {
  return shape.findIndex((extent, axis) => isOpen(extent) && axis !== rows);
}

function requireKnownSize(state: GraphState): void {
  const { name, output, shape } = state;
  const open = openAxis(state);
  if (open < 0) return;
  const detail = `The state '${name}' has the shape [${shape.join(',')}], whose axis ${open} is open, so that its size is not known. Only one axis of a state may be open, for the rows of a batch. Leave it out: ?states= with the other states, without ${name}:${output}.`;
  throw fieldProblem('invalid-value', '?states', detail);
}

function noState({ inputs, outputs, skipped }: GraphModel): Problem {
  const list = (edges: readonly GraphEdge[]) => edges.map((edge) => `'${edge.name}' ${textOf(edge)}`).join(', ');
  const closed = skipped.slice(0, 5).map(({ name, reason }) => ` '${name}': ${reason}`);
  const detail = `No state was found. Inputs: ${list(inputs)}. Outputs: ${list(outputs)}.${closed.join('')} Name the states: ?states=input:output.`;
  return fieldProblem('no-state', '?states', detail.slice(0, 2000));
}

function constantOf({ inputs }: GraphModel, name: string, literal: TensorLiteral): GraphConstant {
  const input = inputs.find((one) => one.name === name);
  const pointer = `?constants/${name}`;
  if (!input?.dtype) {
    const names = inputs.map((one) => `'${one.name}'`).join(', ');
    throw fieldProblem('invalid-value', pointer, `The graph has no input '${name}'. Its inputs: ${names}.`);
  }
  const tensor = literalToTensor(literal, input.dtype, pointer);
  const { shape, data } = tensor;
  const fits =
    !input.shape ||
    (input.shape.length === shape.length && shape.every((extent, k) => fitsExtent(extent, input.shape?.[k])));
  if (!fits) {
    const detail = `'${name}' has the shape [${shape.join(',')}]; the graph takes ${textOf(input)}.`;
    throw fieldProblem('wrong-shape', pointer, detail);
  }
  if (data.length > MAX_CONSTANT_ELEMENTS) {
    throw fieldProblem(
      'limit-exceeded',
      pointer,
      `'${name}' has ${data.length} numbers; a constant has at most ${MAX_CONSTANT_ELEMENTS}.`,
    );
  }
  return { name, dtype: tensor.dtype, shape, values: valuesOf(tensor) };
}

function fitsExtent(extent: number, own: number | string | undefined): boolean {
  return own === undefined || isOpen(own) || own === extent;
}

/** The values as JSON has them. */
function valuesOf({ data }: Tensor): (number | string)[] {
  return Array.from(data as Iterable<number | bigint>, (value) =>
    typeof value === 'bigint' || !Number.isFinite(value) ? `${value}` : Number(value),
  );
}
