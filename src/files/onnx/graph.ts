import type { Json } from '../../domain/json.ts';
import { type FileLimits, invalidFile } from '../bounds.ts';
import { readTensorRecord, type TensorRecord } from './tensor.ts';
import { ATTRIBUTE, ATTRIBUTE_TYPE, FieldBudget, fieldsOf, GRAPH, MODEL, NODE, textOf, varintsOf } from './wire.ts';

const FORMAT = 'ONNX';

export interface Node {
  name: string;
  opType: string;
  domain: string;
  readonly inputs: string[];
  readonly outputs: string[];
  attributes: ReadonlyMap<string, Json>;
  /** Bytes of the graphs that it runs, by the attribute. */
  graphs: ReadonlyMap<string, Uint8Array>;
  value?: TensorRecord;
}

/** Most nodes share this one: a map is larger than the rest of a node, and a file may have hundreds of thousands of nodes. */
const NONE: ReadonlyMap<string, never> = new Map<string, never>();

/** The main graph of a model, its constants still bytes of the file. */
export interface Graph {
  readonly nodes: readonly Node[];
  /** By name: initializers, and the values of Constant nodes. */
  readonly stored: ReadonlyMap<string, TensorRecord>;
  /** The node that each value comes from. */
  readonly producers: ReadonlyMap<string, Node>;
}

/** @throws {Problem} invalid-file, limit-exceeded */
export function readGraph(bytes: Uint8Array, limits: FileLimits): Graph {
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
  const producers = new Map<string, Node>();
  for (const node of nodes) {
    for (const output of node.outputs) producers.set(output, node);
    if (node.opType === 'Constant' && node.value && node.outputs[0]) stored.set(node.outputs[0], node.value);
  }
  return { nodes, stored, producers };
}

function* submessages(message: Uint8Array, wanted: number, budget: FieldBudget): Generator<Uint8Array> {
  for (const { number, bytes } of fieldsOf(message, budget)) if (number === wanted) yield bytes;
}

export function readNode(message: Uint8Array, budget: FieldBudget): Node {
  const node: Node = { name: '', opType: '', domain: '', inputs: [], outputs: [], attributes: NONE, graphs: NONE };
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

/** Lists of graphs and other values that no operator of ONNX has are passed over. */
function readAttribute(message: Uint8Array, budget: FieldBudget, node: Node): void {
  let name = '';
  let type = 0;
  let single: Json | undefined;
  let graph: Uint8Array | undefined;
  const list: Json[] = [];
  for (const { number, bytes, value } of fieldsOf(message, budget)) {
    if (number === ATTRIBUTE.name) name = textOf(bytes);
    else if (number === ATTRIBUTE.type) type = Number(value);
    else if (number === ATTRIBUTE.f) single = floatsOf(bytes, budget)[0];
    else if (number === ATTRIBUTE.i) single = Number(value);
    else if (number === ATTRIBUTE.s) single = textOf(bytes);
    else if (number === ATTRIBUTE.g) graph = bytes;
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
  if (value !== undefined) node.attributes = withEntry(node.attributes, name, value);
  if (graph) node.graphs = withEntry(node.graphs, name, graph);
}

/** The same map with an entry more, a new one in place of none. */
function withEntry<V>(map: ReadonlyMap<string, V>, name: string, value: V): ReadonlyMap<string, V> {
  return map === NONE ? new Map([[name, value]]) : (map as Map<string, V>).set(name, value);
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
