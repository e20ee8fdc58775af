import type { JsonObject } from '../../../domain/json.ts';
import { quote } from '../../../domain/json.ts';
import { child, fieldProblem } from '../../../domain/problems.ts';
import type { SerializedLayer } from '../layers/parse-network-layer.ts';
import { type GraphNode, inboundOf, layerName, onlyLayer } from './functional-nodes.ts';
import { kerasOrder } from './functional-order.ts';
import { MaskNodes } from './mask-nodes.ts';
import type { MaskTerms } from './mask-terms.ts';
import { unsupportedNetwork } from './network-layers.ts';
import { isMaskOperator } from './operators.ts';

type Objects = readonly (SerializedLayer & { readonly object: JsonObject })[];
/** A model with its layers as they are sent. */
export type Model = SerializedLayer & { readonly objects: Objects };

/** The layers of a Functional, without the operators that compute masks. */
interface FunctionalGraph {
  readonly objects: Objects;
  /** Of the object with the same index. */
  readonly nodes: readonly GraphNode[];
  /** The indices in the order of Keras. */
  readonly order: readonly number[];
  readonly masks: MaskNodes;
  /** The names of the layers that are the network's input and output. */
  readonly input: string;
  readonly output: string;
  readonly pointer: string;
}

/** @throws {Problem} unsupported-network, invalid-request, invalid-config */
export function readGraph({ config, pointer, objects: sent }: Model, terms: MaskTerms): FunctionalGraph {
  const input = onlyLayer(config, 'input_layers', pointer);
  const output = onlyLayer(config, 'output_layers', pointer);
  const at = child(pointer, 'layers');
  const named = sent.map((layer, k) => ({ layer, name: layerName(layer.object), pointer: child(at, k) }));
  requireNames(named);
  const operators = named.filter(({ layer }) => isMaskOperator(layer.object));
  const placed = named.filter(({ layer }) => !isMaskOperator(layer.object));
  const masks = new MaskNodes(new Map(operators.map(({ name, layer }) => [name, layer.object])), terms);
  const nodes = placed.map(({ layer, ...place }) => ({
    ...place,
    ...inboundOf(place.name, layer.object, place.pointer),
  }));
  const graph = { objects: placed.map(({ layer }) => layer), nodes, masks, input, output, pointer: at };
  requireConnected(graph);
  const inbound = nodes.map(({ inputs }) => inputs);
  const names = nodes.map(({ name }) => name);
  return { ...graph, order: kerasOrder(names, inbound, output) };
}

/** @throws {Problem} if a name is missing or taken */
function requireNames(named: readonly { readonly name: string; readonly pointer: string }[]): void {
  const names = new Set<string>();
  for (const { name, pointer } of named) {
    if (name === '') throw fieldProblem('invalid-request', pointer, 'A layer of a Functional has no name. Send one.');
    if (names.has(name)) throw fieldProblem('invalid-config', pointer, `Two layers are named ${quote(name)}.`);
    names.add(name);
  }
}

/** @throws {Problem} if a layer takes what there is not, or leads nowhere */
function requireConnected({ nodes, masks, input, output, pointer: at }: Omit<FunctionalGraph, 'order'>): void {
  const names = new Set(nodes.map(({ name }) => name));
  const used = new Set([output, ...nodes.flatMap(({ inputs }) => inputs)]);
  requireNumbers(nodes, masks);
  for (const { name, inputs, pointer } of nodes) {
    const unknown = inputs.find((from) => !names.has(from));
    if (unknown !== undefined) {
      throw fieldProblem(
        'invalid-config',
        pointer,
        `Layer '${name}' takes the output of '${unknown}', which is not a layer of this network.`,
      );
    }
    if (inputs.length === 0 && name !== input) {
      throw unsupportedNetwork(pointer, `Layer '${name}' has no inputs; only '${input}' is an input of the network.`);
    }
    if (!used.has(name)) {
      throw unsupportedNetwork(
        pointer,
        `Layer '${name}' does not lead to the output '${output}'. Send the network without it.`,
      );
    }
  }
  for (const name of [input, output]) {
    if (names.has(name)) continue;
    const detail = `There is no layer '${name}', which is the network's input or output.`;
    throw fieldProblem('invalid-config', at, detail);
  }
}

/** @throws {Problem} if a layer takes a mask for numbers */
function requireNumbers(nodes: readonly GraphNode[], masks: MaskNodes): void {
  for (const { name, inputs, pointer } of nodes) {
    const mask = inputs.find((from) => masks.has(from));
    if (mask !== undefined) {
      throw unsupportedNetwork(
        pointer,
        `Layer '${name}' takes the output of '${mask}' as its input; only masks can be computed by such operators.`,
      );
    }
  }
}
