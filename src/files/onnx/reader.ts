import type { WholeLayer } from '../../domain/files.ts';
import type { Json } from '../../domain/json.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { DEFAULT_FILE_LIMITS, type FileLimits, invalidFile, requireWithin } from '../bounds.ts';
import { decodeRecord, readTensorRecord, type TensorRecord } from './tensor.ts';
import { ATTRIBUTE, ATTRIBUTE_TYPE, FieldBudget, fieldsOf, GRAPH, MODEL, NODE, textOf, varintsOf } from './wire.ts';

const FORMAT = 'ONNX';
/** Where each operator's inputs stand (docs/Operators.md). An empty name is an input left out. */
export const INPUTS: Readonly<Record<string, readonly string[]>> = {
  RNN: ['X', 'W', 'R', 'B', 'sequence_lens', 'initial_h'],
  GRU: ['X', 'W', 'R', 'B', 'sequence_lens', 'initial_h'],
  LSTM: ['X', 'W', 'R', 'B', 'sequence_lens', 'initial_h', 'initial_c', 'P'],
};
const WEIGHTS = ['W', 'R', 'B', 'P'];
const OPTIONAL = ['B', 'P'];

interface Node {
  name: string;
  opType: string;
  domain: string;
  readonly inputs: string[];
  readonly outputs: string[];
  readonly attributes: Map<string, Json>;
  value?: TensorRecord;
}

/**
 * The RNN, GRU and LSTM nodes of a model's main graph, with their attributes as `config` and W, R, B, P as they are:
 * from initializers or Constant nodes, with their data inside the file.
 * @throws {Problem} invalid-file for any fault or if there is no such node, limit-exceeded over `limits`.
 */
export function readOnnx(bytes: Uint8Array, limits: FileLimits = DEFAULT_FILE_LIMITS): WholeLayer[] {
  requireWithin(FORMAT, 'bytes', bytes.length, limits.maxFileBytes);
  const budget = new FieldBudget(limits);
  const stored = new Map<string, TensorRecord>();
  const nodes: Node[] = [];
  for (const graph of submessages(bytes, MODEL.graph, budget)) {
    for (const { number, bytes: message } of fieldsOf(graph, budget)) {
      if (number === GRAPH.node) nodes.push(readNode(message, budget));
      if (number === GRAPH.initializer) {
        const record = readTensorRecord(message, budget, 'an initializer');
        stored.set(record.name, record);
      }
    }
  }
  for (const { opType, outputs, value } of nodes)
    if (opType === 'Constant' && value && outputs[0]) stored.set(outputs[0], value);
  const recurrent = nodes.filter(
    ({ opType, domain }) => Object.hasOwn(INPUTS, opType) && (domain === '' || domain === 'ai.onnx'),
  );
  if (recurrent.length === 0) throw invalidFile(FORMAT, 'its graph has no RNN, GRU or LSTM node.');
  requireWithin(FORMAT, 'recurrent nodes', recurrent.length, limits.maxTensors);
  const named = Map.groupBy(recurrent, ({ name }) => name);
  let room = limits.maxUnpackedBytes;
  return recurrent.map((node, index): WholeLayer => {
    const name = layerName(named, node, index);
    const weights = new Map<string, Tensor>();
    for (const weight of WEIGHTS) {
      const tensor = weightOf(node, name, weight, stored);
      if (!tensor) continue;
      room -= tensor.data.byteLength;
      requireWithin(FORMAT, 'unpacked bytes', limits.maxUnpackedBytes - room, limits.maxUnpackedBytes);
      weights.set(weight, tensor);
    }
    return { name, framework: 'onnx', className: node.opType, config: Object.fromEntries(node.attributes), weights };
  });
}

function* submessages(message: Uint8Array, wanted: number, budget: FieldBudget): Generator<Uint8Array> {
  for (const { number, bytes } of fieldsOf(message, budget)) if (number === wanted) yield bytes;
}

function weightOf(
  node: Node,
  layer: string,
  weight: string,
  stored: ReadonlyMap<string, TensorRecord>,
): Tensor | undefined {
  const input = node.inputs[INPUTS[node.opType].indexOf(weight)] ?? '';
  if (input === '' && OPTIONAL.includes(weight)) return undefined;
  const record = stored.get(input);
  if (!record)
    throw invalidFile(
      FORMAT,
      `${weight} of the ${node.opType} node '${layer}' is not stored in the file (its input is '${input}').`,
    );
  return decodeRecord(record);
}

/** Nodes need no name, and names need not differ; `?layer=` does. */
function layerName(named: ReadonlyMap<string, Node[]>, { name, opType }: Node, index: number): string {
  return name !== '' && named.get(name)?.length === 1 ? name : `${name || opType.toLowerCase()}_${index}`;
}

function readNode(message: Uint8Array, budget: FieldBudget): Node {
  const node: Node = { name: '', opType: '', domain: '', inputs: [], outputs: [], attributes: new Map() };
  for (const { number, bytes } of fieldsOf(message, budget)) {
    if (number === NODE.input) node.inputs.push(textOf(bytes));
    else if (number === NODE.output) node.outputs.push(textOf(bytes));
    else if (number === NODE.name) node.name = textOf(bytes);
    else if (number === NODE.opType) node.opType = textOf(bytes);
    else if (number === NODE.domain) node.domain = textOf(bytes);
    else if (number === NODE.attribute) readAttribute(bytes, budget, node);
  }
  return node;
}

/** Graphs and other values that no recurrent node has are passed over. */
function readAttribute(message: Uint8Array, budget: FieldBudget, node: Node): void {
  let name = '';
  let type = 0;
  let single: Json | undefined;
  const list: Json[] = [];
  for (const { number, bytes, value } of fieldsOf(message, budget)) {
    if (number === ATTRIBUTE.name) name = textOf(bytes);
    else if (number === ATTRIBUTE.type) type = Number(value);
    else if (number === ATTRIBUTE.f) single = floatsOf(bytes, budget)[0];
    else if (number === ATTRIBUTE.i) single = Number(value);
    else if (number === ATTRIBUTE.s) single = textOf(bytes);
    else if (number === ATTRIBUTE.t && node.value === undefined)
      node.value = readTensorRecord(bytes, budget, 'a constant');
    else if (number === ATTRIBUTE.floats) for (const item of floatsOf(bytes, budget)) list.push(item);
    else if (number === ATTRIBUTE.strings) list.push(textOf(bytes));
    else if (number === ATTRIBUTE.ints) {
      for (const item of bytes.length > 0 ? varintsOf(bytes) : [value]) {
        budget.take();
        list.push(Number(item));
      }
    }
  }
  const defaults = new Map<number, Json>([
    [ATTRIBUTE_TYPE.float, 0],
    [ATTRIBUTE_TYPE.int, 0],
    [ATTRIBUTE_TYPE.string, ''],
    [ATTRIBUTE_TYPE.floats, []],
    [ATTRIBUTE_TYPE.ints, []],
    [ATTRIBUTE_TYPE.strings, []],
  ]);
  const value = list.length > 0 ? list : (single ?? defaults.get(type));
  if (value !== undefined) node.attributes.set(name, value);
}

/** One float, or a packed list of them. */
function floatsOf(bytes: Uint8Array, budget: FieldBudget): number[] {
  if (bytes.length % 4 !== 0) throw invalidFile(FORMAT, 'a list of floats is cut off.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, i) => {
    budget.take();
    return view.getFloat32(4 * i, true);
  });
}
