import type { HiddenState } from '../../domain/graph.ts';
import { type FileLimits, requireWithin } from '../bounds.ts';
import { dtypeOfElements } from './element-types.ts';
import type { GraphTree, PlacedNode } from './graph-tree.ts';
import { INPUTS } from './reader.ts';
import { decodeRecord, type TensorRecord, unpacking } from './tensor.ts';
import { DATA_TYPE } from './wire.ts';

/** Values that only know the shapes of others. */
const SHAPES = ['Shape', 'Size'];
/** Operators that give zeros for zeros, by their first input alone. */
const KEEP_ZEROS = ['Identity', 'Cast', 'Reshape', 'Squeeze', 'Unsqueeze', 'Transpose', 'Slice', 'Expand', 'Gather'];
/** Nodes between a value and where it comes from. */
const MAX_DEPTH = 1000;
const CHANCE = /^(Random|Multinomial|Bernoulli)/;

export interface FoundStates {
  readonly hidden: readonly HiddenState[];
  /** Recurrent nodes that stay closed. */
  readonly closed: readonly { readonly name: string; readonly reason: string }[];
}

/**
 * The states of RNN, GRU and LSTM nodes that start from zeros at each run: those without an initial state, and those whose
 * initial state comes from constants and shapes alone. Also in the branches of an If.
 */
export function findHiddenStates(tree: GraphTree, limits: FileLimits): FoundStates {
  const hidden: HiddenState[] = [];
  const closed: { name: string; reason: string }[] = [];
  const taken = namesOf(tree);
  const unique = (base: string) => {
    let name = base;
    for (let k = 1; taken.has(name); k++) name = `${base}_${k}`;
    taken.add(name);
    return name;
  };
  const visit = (scope: Scope, around?: string) => {
    for (const node of scope.graph.nodes) {
      const inner = node.branches.map(({ graph }) => new Scope(graph, limits, scope));
      for (const one of inner)
        visit(
          one,
          around ??
            reasonAround(
              node,
              inner.filter((other) => other !== one),
            ),
        );
      if (!isRecurrent(node)) continue;
      const label = labelOf(node);
      const reason = around ?? reasonOf(node, scope);
      if (reason !== undefined) {
        if (hiddenInputs(node, scope).length > 0) closed.push({ name: label, reason });
        continue;
      }
      for (const which of hiddenInputs(node, scope)) {
        const base = `${label}.${which.slice(-1)}`;
        const [name, output] = [unique(base), unique(`${base}_next`)];
        hidden.push({ place: node.place, which, name, output, ...shapeOf(node, scope) });
      }
    }
  };
  visit(new Scope(tree, limits));
  requireWithin('ONNX', 'closed recurrent nodes', closed.length, limits.maxTensors);
  return hidden.length > limits.maxTensors ? { hidden: [], closed } : { hidden, closed };
}

function isRecurrent({ opType, domain }: PlacedNode): boolean {
  return Object.hasOwn(INPUTS, opType) && (domain === '' || domain === 'ai.onnx');
}

function labelOf({ name, opType, place }: PlacedNode): string {
  const plain = name.replaceAll(/[^A-Za-z0-9_.]+/g, '_').replaceAll(/^_+|_+$/g, '');
  return (plain || `${opType.toLowerCase()}_${place.replaceAll('.', '_')}`).slice(-60);
}

/** The states of a node that no input of the graph has a say in. */
function hiddenInputs(node: PlacedNode, scope: Scope): HiddenState['which'][] {
  const states = (['initial_h', 'initial_c'] as const).filter((name) => INPUTS[node.opType].includes(name));
  return states.filter((name) => !scope.depends(inputOf(node, name)));
}

function inputOf(node: PlacedNode, name: string): string {
  return node.inputs[INPUTS[node.opType].indexOf(name)] ?? '';
}

/** Why nodes in one of the graphs of a node stay closed, whose other graphs are `others`. */
function reasonAround({ opType }: PlacedNode, others: readonly Scope[]): string | undefined {
  if (opType !== 'If') return `It is inside a ${opType}, whose runs are not steps.`;
  if (!others.some(takesState)) return undefined;
  return 'It is what an If does without a state; its other branch takes the state from an input.';
}

/** Whether a recurrent node in a graph, or within, has a state that an input of the main graph decides about. */
function takesState(scope: Scope): boolean {
  return scope.graph.nodes.some((node) => {
    if (node.branches.some(({ graph }) => takesState(new Scope(graph, scope.limits, scope)))) return true;
    if (!isRecurrent(node)) return false;
    const states = INPUTS[node.opType].filter((name) => name.startsWith('initial_'));
    return states.some((name) => scope.depends(inputOf(node, name)));
  });
}

/** Why the states of a node are not opened; undefined where they are. */
function reasonOf(node: PlacedNode, scope: Scope): string | undefined {
  const direction = node.attributes.get('direction') ?? 'forward';
  if (direction !== 'forward') return `Its direction is ${direction}, which needs the steps after each step.`;
  if (hiddenSize(node, scope) === undefined) return 'The file does not tell its hidden_size.';
  const odd = hiddenInputs(node, scope).find((name) => !scope.isZero(inputOf(node, name)));
  return odd && `Its ${odd} is computed in the graph, and may be other than zeros.`;
}

function hiddenSize(node: PlacedNode, scope: Scope): number | undefined {
  const said = node.attributes.get('hidden_size') ?? scope.stored(inputOf(node, 'R'))?.dims[2];
  return Number.isSafeInteger(said) && Number(said) > 0 ? Number(said) : undefined;
}

function shapeOf(node: PlacedNode, scope: Scope): Pick<HiddenState, 'dtype' | 'shape' | 'rows'> {
  const size = hiddenSize(node, scope) ?? 0;
  const dtype = dtypeOfElements(Number(scope.origin(inputOf(node, 'W'))?.dataType ?? DATA_TYPE.float)) ?? 'float32';
  return node.attributes.get('layout') === 1
    ? { dtype, shape: ['batch', 1, size], rows: 0 }
    : { dtype, shape: [1, 'batch', size], rows: 1 };
}

/** The names in a graph, and in the graphs that it is in. */
class Scope {
  readonly graph: GraphTree;
  private readonly parent: Scope | undefined;
  private readonly producers = new Map<string, PlacedNode>();
  private readonly records = new Map<string, TensorRecord>();
  readonly limits: FileLimits;
  /** By names: whether a value depends on more than shapes, and whether it is all zeros. */
  private readonly known = new Map<string, boolean>();
  private readonly zeros = new Map<string, boolean>();

  constructor(graph: GraphTree, limits: FileLimits, parent?: Scope) {
    this.graph = graph;
    this.limits = limits;
    this.parent = parent;
    for (const record of graph.initializers) this.records.set(record.name, record);
    for (const node of graph.nodes) {
      for (const output of node.outputs) this.producers.set(output, node);
      if (node.opType === 'Constant' && node.value) this.records.set(node.outputs[0], node.value);
    }
  }

  stored(name: string): TensorRecord | undefined {
    return this.records.get(name) ?? this.parent?.stored(name);
  }

  /** Whether more than the shapes of the graph's inputs decides about a value. */
  depends(name: string, depth = 0): boolean {
    if (name === '' || this.records.has(name)) return false;
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const node = this.producers.get(name);
    if (!node) return this.parent?.owns(name) ? this.parent.depends(name, depth + 1) : true;
    const depends = depth > MAX_DEPTH || this.nodeDepends(node, depth + 1);
    this.known.set(name, depends);
    return depends;
  }

  private owns(name: string): boolean {
    return this.producers.has(name) || this.records.has(name) || (this.parent?.owns(name) ?? false);
  }

  private nodeDepends(node: PlacedNode, depth: number): boolean {
    if (SHAPES.includes(node.opType) || node.opType === 'Constant') return false;
    if (CHANCE.test(node.opType)) return true;
    if (node.inputs.some((input) => this.depends(input, depth))) return true;
    return node.branches.some(({ graph }) => {
      const scope = new Scope(graph, this.limits, this);
      return graph.outputs.some((output) => scope.depends(output.name, depth));
    });
  }

  /** Whether a value is all zeros; one left out is. */
  isZero(name: string, depth = 0): boolean {
    const known = this.zeros.get(name) ?? this.findZeros(name, depth);
    this.zeros.set(name, known);
    return known;
  }

  private findZeros(name: string, depth: number): boolean {
    if (name === '') return true;
    const record = this.stored(name);
    if (record) return this.hasZeros(record);
    const node = this.producerOf(name);
    if (!node || depth > MAX_DEPTH) return false;
    if (node.opType === 'ConstantOfShape') return !node.value || this.hasZeros(node.value);
    if (node.opType === 'Concat') return node.inputs.every((input) => this.isZero(input, depth + 1));
    return KEEP_ZEROS.includes(node.opType) && this.isZero(node.inputs[0] ?? '', depth + 1);
  }

  private hasZeros(record: TensorRecord): boolean {
    const { data } = decodeRecord(record, new Map(), unpacking(this.limits));
    return data.every((element) => Number(element) === 0);
  }

  /** The stored tensor that a value is made of, by first inputs. */
  origin(name: string): TensorRecord | undefined {
    let at = name;
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const record = this.stored(at);
      if (record) return record;
      at = this.producerOf(at)?.inputs[0] ?? '';
      if (at === '') return undefined;
    }
    return undefined;
  }

  private producerOf(name: string): PlacedNode | undefined {
    return this.producers.get(name) ?? this.parent?.producerOf(name);
  }
}

/** All names of values in a graph and those within. */
function namesOf({ nodes, inputs, outputs, initializers }: GraphTree): Set<string> {
  const names = new Set([...inputs, ...outputs, ...initializers].map(({ name }) => name));
  for (const { outputs: made, branches } of nodes) {
    for (const name of made) names.add(name);
    for (const { graph } of branches) for (const name of namesOf(graph)) names.add(name);
  }
  return names;
}
