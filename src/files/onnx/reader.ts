import type { Skipped, WeightFile, WholeLayer } from '../../domain/files.ts';
import { isArray } from '../../domain/json.ts';
import { isFloat, type Tensor } from '../../domain/tensor.ts';
import { DEFAULT_FILE_LIMITS, type FileLimits, invalidFile, requireWithin } from '../bounds.ts';
import { Constants } from './constants.ts';
import { type Node, readGraph } from './graph.ts';
import type { Beside } from './tensor.ts';

const FORMAT = 'ONNX';
/** The order of each operator's inputs (docs/Operators.md). An empty name is an absent input. */
export const INPUTS: Readonly<Record<string, readonly string[]>> = {
  RNN: ['X', 'W', 'R', 'B', 'sequence_lens', 'initial_h'],
  GRU: ['X', 'W', 'R', 'B', 'sequence_lens', 'initial_h'],
  LSTM: ['X', 'W', 'R', 'B', 'sequence_lens', 'initial_h', 'initial_c', 'P'],
};
const WEIGHTS = ['W', 'R', 'B', 'P'];
const OPTIONAL = ['B', 'P'];
/** Inputs that a client sends; a model may fix them. */
const STATES = ['sequence_lens', 'initial_h', 'initial_c'];

/** The result of reading a model: its layers with their attributes. */
export interface OnnxFile extends WeightFile {
  readonly layers: readonly WholeLayer[];
}

/**
 * The RNN, GRU and LSTM nodes of a model's main graph, with their attributes as `config` and W, R, B, P as they are: from
 * initializers, Constant nodes, and nodes that only move their elements. Data of other files is taken from `beside`, by name;
 * nothing is opened.
 * @throws {Problem} invalid-file for any fault, or if no such node has its weights in the file; limit-exceeded
 */
export function readOnnx(
  bytes: Uint8Array,
  limits: FileLimits = DEFAULT_FILE_LIMITS,
  beside: Beside = new Map(),
): OnnxFile {
  requireWithin(FORMAT, 'bytes', bytes.length, limits.maxFileBytes);
  const { nodes, stored, producers } = readGraph(bytes, limits);
  const recurrent = nodes.filter(
    ({ opType, domain }) => Object.hasOwn(INPUTS, opType) && (domain === '' || domain === 'ai.onnx'),
  );
  if (recurrent.length === 0) throw invalidFile(FORMAT, 'its graph has no RNN, GRU or LSTM node.');
  requireWithin(FORMAT, 'recurrent nodes', recurrent.length, limits.maxTensors);
  requireWithin(FORMAT, 'stored tensors', stored.size, limits.maxTensors);
  const named = Map.groupBy(recurrent, ({ name }) => name);
  const constants = new Constants(stored, producers, beside, limits);
  const layers: WholeLayer[] = [];
  const skipped: Skipped[] = [];
  for (const [index, node] of recurrent.entries()) {
    const name = layerName(named, node, index);
    const weights = weightsOf(node, name, constants);
    if ('reason' in weights) skipped.push({ name, ...weights });
    else {
      layers.push({ name, framework: 'onnx', className: node.opType, config: configOf(node, limits), weights });
      skipped.push(...fixedStates(node, name, constants));
    }
  }
  if (layers.length === 0) throw invalidFile(FORMAT, skipped[0].reason);
  const others = [...stored.keys()].filter((name) => !constants.used.has(name));
  const unused = others.map((name) => ({ name, reason: 'It is not a weight of a recurrent node.' }));
  return { layers, skipped: [...skipped, ...unused] };
}

/** @throws {Problem} limit-exceeded */
function configOf({ attributes }: Node, { maxTensors }: FileLimits): WholeLayer['config'] {
  const values = [...attributes.values()].reduce((sum: number, value) => sum + (isArray(value) ? value.length : 1), 0);
  requireWithin(FORMAT, 'values in the attributes of a node', values, maxTensors);
  return Object.fromEntries(attributes);
}

function weightsOf(node: Node, layer: string, constants: Constants): Map<string, Tensor> | { readonly reason: string } {
  const weights = new Map<string, Tensor>();
  for (const weight of WEIGHTS) {
    const input = inputOf(node, weight);
    if (input === '' && (OPTIONAL.includes(weight) || !INPUTS[node.opType].includes(weight))) continue;
    const value = constants.read(input);
    const of = `${weight} of the ${node.opType} node '${layer}'`;
    if ('reason' in value) return { reason: `${of} ${value.reason.replace(/[.]?$/, '.')}` };
    if (!isFloat(value.dtype)) {
      throw invalidFile(FORMAT, `${of} has the dtype ${value.dtype}; weights are FLOAT, FLOAT16, DOUBLE or BFLOAT16.`);
    }
    weights.set(weight, value);
  }
  return weights;
}

function inputOf(node: Node, name: string): string {
  return node.inputs[INPUTS[node.opType].indexOf(name)] ?? '';
}

/** States that the model fixes to something else than zeros: a cell starts from what a client sends. */
function fixedStates(node: Node, layer: string, constants: Constants): Skipped[] {
  return STATES.flatMap((name) => {
    const input = INPUTS[node.opType].includes(name) ? inputOf(node, name) : '';
    const value = input === '' ? undefined : constants.read(input);
    if (!value || 'reason' in value || value.data.every((element) => Number(element) === 0)) return [];
    return [{ name: `${layer}.${name}`, reason: `The model fixes ${name}. Send it with each sequence.` }];
  });
}

/** Nodes need no name, and names need not differ; `?layer=` does. */
function layerName(named: ReadonlyMap<string, Node[]>, { name, opType }: Node, index: number): string {
  return name !== '' && named.get(name)?.length === 1 ? name : `${name || opType.toLowerCase()}_${index}`;
}
