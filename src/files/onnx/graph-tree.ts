import { Problem } from '../../domain/problems.ts';
import { type FileLimits, invalidFile, requireWithin } from '../bounds.ts';
import { type Node, readNode } from './graph.ts';
import { readTensorRecord, type TensorRecord } from './tensor.ts';
import {
  ATTRIBUTE,
  DIMENSION,
  FieldBudget,
  FUNCTION,
  fieldsOf,
  GRAPH,
  MODEL,
  NODE,
  SHAPE,
  SPARSE_TENSOR,
  TENSOR_TYPE,
  TYPE,
  textOf,
  VALUE_INFO,
} from './wire.ts';

const FORMAT = 'ONNX';
/** Graphs within graphs. */
export const MAX_DEPTH = 16;
/** Operators that ONNX Runtime has for a processor, by their domain. */
const DOMAINS = ['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft'];

/** What a graph says of one of its inputs or outputs. */
export interface ValueInfo {
  readonly name: string;
  /** The element type; 0 if it is not a tensor. */
  readonly elemType: number;
  /** The name of an extent that is left open, `?` where it has none; undefined where not even their number is said. */
  readonly shape?: readonly (number | string)[];
}

/** A node, and its place: `3`, or `3.then_branch.5` in a graph of node 3. */
export interface PlacedNode extends Node {
  readonly place: string;
  readonly branches: readonly { readonly attribute: string; readonly graph: GraphTree }[];
}

/** A graph with the graphs in it. */
export interface GraphTree {
  readonly nodes: readonly PlacedNode[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly initializers: readonly TensorRecord[];
}

/**
 * The main graph of a model, and those within. Everything that the runtime would do beyond computing is refused: other
 * files, which are never opened, and operators that are not its own.
 * @throws {Problem} invalid-file, limit-exceeded
 */
export function readGraphTree(bytes: Uint8Array, limits: FileLimits): GraphTree {
  requireWithin(FORMAT, 'bytes', bytes.length, limits.maxFileBytes);
  const budget = new FieldBudget(limits);
  const graphs: Uint8Array[] = [];
  const functions: Uint8Array[] = [];
  for (const { number, bytes: message } of fieldsOf(bytes, budget)) {
    if (number === MODEL.graph) graphs.push(message);
    if (number === MODEL.functions) functions.push(message);
  }
  if (graphs.length !== 1) throw invalidFile(FORMAT, `it has ${graphs.length} main graphs.`);
  const own = functions.map((message) => domainOf(message, budget));
  const reader = new TreeReader(budget, [...DOMAINS, ...own]);
  for (const message of functions) reader.checkFunction(message);
  return reader.graph(graphs[0], '', 0);
}

function domainOf(message: Uint8Array, budget: FieldBudget): string {
  let domain = '';
  for (const { number, bytes } of fieldsOf(message, budget)) if (number === FUNCTION.domain) domain = textOf(bytes);
  return domain;
}

class TreeReader {
  private readonly budget: FieldBudget;
  private readonly domains: readonly string[];

  constructor(budget: FieldBudget, domains: readonly string[]) {
    this.budget = budget;
    this.domains = domains;
  }

  /** `prefix` is the place of the node whose graph it is. */
  graph(message: Uint8Array, prefix: string, depth: number): GraphTree {
    if (depth > MAX_DEPTH) throw invalidFile(FORMAT, `it has more than ${MAX_DEPTH} graphs within each other.`);
    const nodes: PlacedNode[] = [];
    const [inputs, outputs]: [ValueInfo[], ValueInfo[]] = [[], []];
    const initializers: TensorRecord[] = [];
    for (const { number, bytes } of fieldsOf(message, this.budget)) {
      if (number === GRAPH.node) nodes.push(this.node(bytes, `${prefix}${nodes.length}`, depth));
      else if (number === GRAPH.input) inputs.push(this.valueInfo(bytes));
      else if (number === GRAPH.output) outputs.push(this.valueInfo(bytes));
      else if (number === GRAPH.initializer) initializers.push(this.tensor(bytes, 'an initializer'));
      else if (number === GRAPH.sparseInitializer) this.sparseTensor(bytes);
    }
    const stored = new Set(initializers.map(({ name }) => name));
    return { nodes, inputs: inputs.filter(({ name }) => !stored.has(name)), outputs, initializers };
  }

  checkFunction(message: Uint8Array): void {
    for (const { number, bytes } of fieldsOf(message, this.budget)) {
      if (number === FUNCTION.node) this.node(bytes, '', 1);
    }
  }

  private node(message: Uint8Array, place: string, depth: number): PlacedNode {
    const node = readNode(message, this.budget);
    const { domain, opType, graphs } = node;
    if (!this.domains.includes(domain)) {
      const detail = `it has the operator '${opType}' of the domain '${domain}'. ONNX Runtime has operators of ${DOMAINS.filter((one) => one !== '').join(', ')} only; custom ones are not loaded.`;
      throw invalidFile(FORMAT, detail.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 500));
    }
    for (const { number, bytes } of fieldsOf(message, this.budget)) {
      if (number === NODE.attribute) this.checkTensors(bytes, depth);
    }
    const branches = Array.from(graphs, ([attribute, bytes]) => ({
      attribute,
      graph: this.graph(bytes, `${place}.${attribute}.`, depth + 1),
    }));
    return { ...node, place, branches };
  }

  /** The tensors of an attribute, and the graphs of a list, which are not read otherwise. */
  private checkTensors(message: Uint8Array, depth: number): void {
    for (const { number, bytes } of fieldsOf(message, this.budget)) {
      if (number === ATTRIBUTE.t || number === ATTRIBUTE.tensors) this.tensor(bytes, 'a constant');
      else if (number === ATTRIBUTE.sparseTensor || number === ATTRIBUTE.sparseTensors) this.sparseTensor(bytes);
      else if (number === ATTRIBUTE.graphs) this.graph(bytes, '', depth + 1);
    }
  }

  private sparseTensor(message: Uint8Array): void {
    for (const { number, bytes } of fieldsOf(message, this.budget)) {
      if (number === SPARSE_TENSOR.values || number === SPARSE_TENSOR.indices) this.tensor(bytes, 'a sparse tensor');
    }
  }

  /** @throws {Problem} invalid-file where its data is in another file */
  private tensor(message: Uint8Array, of: string): TensorRecord {
    const record = readTensorRecord(message, this.budget, of);
    if (!record.external) return record;
    const location = record.external.get('location') ?? '';
    const detail = `The data of '${record.name}' is in another file, '${location.slice(0, 200)}', which is never opened. Send the model and that file as two parts of one multipart/form-data body, or save the model with its data inside: onnx.save(model, path, save_as_external_data=False).`;
    throw new Problem('invalid-file', detail);
  }

  private valueInfo(message: Uint8Array): ValueInfo {
    const info: { name: string; elemType: number; shape?: (number | string)[] } = { name: '', elemType: 0 };
    for (const { number, bytes } of fieldsOf(message, this.budget)) {
      if (number === VALUE_INFO.name) info.name = textOf(bytes);
      if (number !== VALUE_INFO.type) continue;
      for (const type of fieldsOf(bytes, this.budget)) {
        if (type.number !== TYPE.tensorType) continue;
        for (const part of fieldsOf(type.bytes, this.budget)) {
          if (part.number === TENSOR_TYPE.elemType) info.elemType = Number(part.value);
          if (part.number === TENSOR_TYPE.shape) info.shape = this.shape(part.bytes);
        }
      }
    }
    return info;
  }

  private shape(message: Uint8Array): (number | string)[] {
    const shape: (number | string)[] = [];
    for (const { number, bytes } of fieldsOf(message, this.budget)) {
      if (number !== SHAPE.dim) continue;
      let extent: number | string = '?';
      for (const part of fieldsOf(bytes, this.budget)) {
        if (part.number === DIMENSION.value && part.value >= 0n) extent = Number(part.value);
        else if (part.number === DIMENSION.param) extent = textOf(part.bytes) || '?';
      }
      shape.push(extent);
    }
    return shape;
  }
}
