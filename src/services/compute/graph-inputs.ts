import { type GraphInterface, type GraphValue, isOpen } from '../../domain/graph.ts';
import { child, fieldProblem } from '../../domain/problems.ts';
import { formatShape, type Tensor } from '../../domain/tensor.ts';
import type { TensorInput } from '../../domain/tensor-literal.ts';
import { counted } from '../../domain/words.ts';
import type { Context } from '../context.ts';
import { resolveTensor } from './resolve-tensor.ts';

/** What a request sends: the first input alone, or inputs by name. */
export interface GivenInputs {
  readonly inputs?: TensorInput;
  readonly named_inputs?: Readonly<Record<string, TensorInput>>;
}

/** The inputs of a graph as they were sent, each with what the graph says of it. */
export interface GraphInputs {
  readonly values: readonly SentValue[];
  /** Steps of a sequence; undefined where the inputs are of a single step. */
  readonly time?: number;
}

export interface SentValue {
  readonly value: GraphValue;
  readonly tensor: Tensor;
  /** The axis of time that it has beside the axes of the graph's input; undefined: it is the same for all steps. */
  readonly timeAxis?: number;
}

/** Where a sequence has its steps: behind the rows of a batch. */
export function timeAxisOf({ rows }: Pick<GraphValue, 'rows'>): number {
  return rows === 0 ? 1 : 0;
}

/** @throws {Problem} invalid-value for a name, wrong-shape, limit-exceeded */
export async function readGraphInputs(
  context: Pick<Context, 'store' | 'limits' | 'ops'>,
  graph: GraphInterface,
  given: GivenInputs,
): Promise<GraphInputs> {
  const sent = namesOf(graph, given);
  const values: SentValue[] = [];
  for (const value of graph.inputs) {
    const { name, dtype } = value;
    const pointer = given.named_inputs ? child('/named_inputs', name) : '/inputs';
    const input = sent.get(name);
    if (!input) throw missing(graph, name);
    const tensor = await resolveTensor(context, input, dtype, pointer);
    values.push({ value, tensor, ...timeOf(value, tensor, pointer) });
  }
  const times = values.flatMap(({ tensor, timeAxis }) => (timeAxis === undefined ? [] : [tensor.shape[timeAxis]]));
  const [time] = times;
  if (time === undefined) return { values };
  if (times.every((one) => one === time)) return { values, time };
  throw fieldProblem(
    'wrong-shape',
    '/named_inputs',
    `The inputs have ${times.join(' and ')} steps. Send as many of each.`,
  );
}

/**
 * The input of a cell that has one only.
 * @throws {Problem} invalid-value where inputs are named
 */
export function soleInput({ inputs }: GivenInputs, cell: string): TensorInput {
  if (inputs) return inputs;
  const detail = `Cell '${cell}' has one input without a name. Send inputs in place of named_inputs.`;
  throw fieldProblem('invalid-value', '/named_inputs', detail);
}

/** By the names of the graph. */
function namesOf({ inputs }: GraphInterface, given: GivenInputs): Map<string, TensorInput> {
  if (given.inputs) return new Map(inputs.length > 0 ? [[inputs[0].name, given.inputs]] : []);
  const known = inputs.map(({ name }) => name);
  const sent = new Map(Object.entries(given.named_inputs ?? {}));
  for (const name of sent.keys()) {
    if (known.includes(name)) continue;
    const detail = `The graph takes no input '${name}' with a step. Send ${known.map((one) => `'${one}'`).join(', ') || 'none'}.`;
    throw fieldProblem('invalid-value', child('/named_inputs', name), detail);
  }
  return sent;
}

function missing({ inputs }: GraphInterface, name: string) {
  const names = inputs.map((one) => `'${one.name}' ${one.dtype} ${extentsOf(one)}`).join(', ');
  const detail = `The input '${name}' is missing. Send named_inputs with ${names}.`;
  return fieldProblem('invalid-value', '/named_inputs', detail);
}

/** Whether a tensor has the axes of its input, or one of time more. @throws {Problem} wrong-shape */
function timeOf(value: GraphValue, { shape }: Tensor, pointer: string): Pick<SentValue, 'timeAxis'> {
  const rank = value.shape.length;
  const timeAxis = timeAxisOf(value);
  const isSequence = rank > 0 && shape.length === rank + 1;
  const own = isSequence ? shape.toSpliced(timeAxis, 1) : shape;
  const fits =
    own.length === rank && value.shape.every((extent, k) => isOpen(extent) || k === value.rows || extent === own[k]);
  if (fits) return isSequence ? { timeAxis } : {};
  const detail = `'${value.name}' has shape ${formatShape(shape)}; the graph takes ${extentsOf(value)}, with an axis of time ${timeAxis === 0 ? 'before it' : 'behind the first'} for many steps.`;
  throw fieldProblem('wrong-shape', pointer, detail);
}

function extentsOf({ shape }: GraphValue): string {
  return `[${shape.join(',')}]`;
}

/** How many rows the inputs have; undefined where none of them has rows. @throws {Problem} wrong-shape */
export function rowsOfInputs({ values }: GraphInputs): number | undefined {
  const counts = values.flatMap(({ value, tensor, timeAxis }) => {
    if (value.rows === null) return [];
    const axis = timeAxis !== undefined && timeAxis <= value.rows ? value.rows + 1 : value.rows;
    return [tensor.shape[axis]];
  });
  const [rows] = counts;
  const odd = counts.find((count) => count !== rows);
  if (rows === undefined || odd === undefined) return rows;
  throw fieldProblem(
    'wrong-shape',
    '/named_inputs',
    `The inputs have ${counted(rows, 'row')} and ${counted(odd, 'row')}.`,
  );
}
