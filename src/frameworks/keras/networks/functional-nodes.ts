import { isArray, isJsonObject, type Json, type JsonObject, quote } from '../../../domain/json.ts';
import { child, fieldProblem } from '../../../domain/problems.ts';
import { own, textOf } from '../../place.ts';
import { unsupportedNetwork } from './network-layers.ts';

/** How many values a node's arguments may hold within each other. */
const MAX_DEPTH = 8;

/** What goes into a layer, by the names of the layers that give it. */
export interface Inbound {
  readonly inputs: readonly string[];
  /** The node of the graph that computes its mask, if the file has one. */
  readonly mask?: string;
}

/** A layer's place in the graph. */
export interface GraphNode extends Inbound {
  readonly name: string;
  readonly pointer: string;
}

/** @throws {Problem} unsupported-network, invalid-request */
export function inboundOf(name: string, layer: JsonObject, pointer: string): Inbound {
  const at = child(pointer, 'inbound_nodes');
  const nodes = own(layer, 'inbound_nodes') ?? [];
  if (!isArray(nodes)) throw fieldProblem('invalid-request', at, `\`inbound_nodes\` is ${quote(nodes)}; send a list.`);
  if (nodes.length === 0) return { inputs: [] };
  if (nodes.length > 1) {
    throw unsupportedNetwork(
      at,
      `Layer '${name}' is used ${nodes.length} times; each layer of a network is used once.`,
    );
  }
  const [node] = nodes;
  return isArray(node) ? { inputs: legacyNode(name, node, at) } : kerasNode(name, node, child(at, 0));
}

export function layerName(layer: JsonObject): string {
  const config = own(layer, 'config') ?? null;
  return textOf(own(layer, 'name') ?? (isJsonObject(config) ? own(config, 'name') : null));
}

/** The arguments of the only node of a layer, as Keras 3 has them. */
export function argumentsOf(nodes: Json): { readonly args: readonly Json[]; readonly kwargs: JsonObject } | undefined {
  const [node = null, ...others] = isArray(nodes) ? nodes : [];
  if (!isJsonObject(node) || others.length > 0) return undefined;
  const kwargs = own(node, 'kwargs') ?? {};
  return { args: listOf(own(node, 'args') ?? []), kwargs: isJsonObject(kwargs) ? kwargs : {} };
}

/** Keras 3: `{ args, kwargs }` with the tensors among them. */
function kerasNode(name: string, node: Json, pointer: string): Inbound {
  const given = argumentsOf([node]);
  if (!given) throw fieldProblem('invalid-request', pointer, `A node is ${quote(node)}; send {"args", "kwargs"}.`);
  const [first, ...others] = given.args;
  const mask = tensorOf(given.kwargs.mask ?? null);
  const extra = Object.entries(given.kwargs).find(
    ([key, value]) => holdsTensor(value) && !(key === 'mask' && mask !== undefined),
  );
  if (extra)
    throw unsupportedNetwork(
      pointer,
      `Layer '${name}' gets a tensor as '${extra[0]}'; only its inputs can be computed.`,
    );
  // An operator such as x + y gets its operands one by one.
  const operands = others.length > 0 ? [first, ...others].filter((value) => value !== null) : listOf(first ?? []);
  const tensors = operands.map((value) => tensorOf(value));
  const odd = tensors.indexOf(undefined);
  if (odd < 0) return { inputs: tensors as string[], ...(mask === undefined ? {} : { mask }) };
  throw unsupportedNetwork(
    pointer,
    `Layer '${name}' gets ${quote(operands[odd])} as an argument; only outputs of layers can go into it.`,
  );
}

/** A layer of Keras 3 that makes do with the masks of its inputs. */
export function withoutMask(layer: JsonObject): JsonObject {
  const { args, kwargs } = argumentsOf(own(layer, 'inbound_nodes') ?? null) ?? { args: [], kwargs: {} };
  const others = Object.entries(kwargs).filter(([key]) => key !== 'mask');
  return { ...layer, inbound_nodes: [{ args, kwargs: Object.fromEntries(others) }] };
}

/** Keras 2: `[["layer", 0, 0, {}], …]`. */
function legacyNode(name: string, node: readonly Json[], pointer: string): string[] {
  return node.map((entry) => {
    const [from, call, tensor, kwargs = {}] = isArray(entry) ? entry : [];
    if (typeof from !== 'string')
      throw fieldProblem('invalid-request', pointer, `A node is ${quote(entry)}; send ["layer", 0, 0, {}].`);
    requireFirst(name, from, [call, tensor], pointer);
    if (
      isJsonObject(kwargs ?? null) &&
      Object.values(kwargs as JsonObject).some((value) => holdsTensor(value) || isArray(value))
    ) {
      throw unsupportedNetwork(
        pointer,
        `Layer '${name}' gets arguments besides its inputs, which this service cannot compute.`,
      );
    }
    return from;
  });
}

/** The layer whose first output a serialized tensor is. */
export function tensorOf(value: Json): string | undefined {
  if (!isJsonObject(value) || own(value, 'class_name') !== '__keras_tensor__') return undefined;
  const config = own(value, 'config') ?? null;
  const history = isJsonObject(config) ? own(config, 'keras_history') : undefined;
  return isArray(history ?? null) ? layerOfHistory(history as readonly Json[]) : undefined;
}

function layerOfHistory([name, call, tensor]: readonly Json[]): string | undefined {
  return typeof name === 'string' && call === 0 && tensor === 0 ? name : undefined;
}

function requireFirst(
  name: string,
  from: string,
  [call, tensor]: readonly (Json | undefined)[],
  pointer: string,
): void {
  if (call === 0 && tensor === 0) return;
  throw unsupportedNetwork(
    pointer,
    `Layer '${name}' takes output ${quote(tensor)} of call ${quote(call)} of '${from}'; each layer is used once and has one output.`,
  );
}

/** The one layer that `input_layers` or `output_layers` names. @throws {Problem} unsupported-network */
export function onlyLayer(config: JsonObject, key: 'input_layers' | 'output_layers', pointer: string): string {
  const at = child(pointer, key);
  const sent = own(config, key) ?? null;
  const what = key === 'input_layers' ? 'input' : 'output';
  const entries = isArray(sent) && typeof sent[0] === 'string' ? [sent] : isArray(sent) ? sent : [];
  if (isJsonObject(sent) || entries.length > 1) {
    throw unsupportedNetwork(at, `The network has several ${what}s; a network of this service has one.`);
  }
  const [entry = null] = entries;
  const [name, call, tensor] = isArray(entry) ? entry : [];
  if (typeof name !== 'string')
    throw fieldProblem('invalid-request', at, `\`${key}\` is ${quote(sent)}; send ["layer", 0, 0].`);
  requireFirst('the network', name, [call === 1 && isFunctional(config, name) ? 0 : call, tensor], at);
  return name;
}

/** A Functional within the model: where it is the output, Keras 3 prints its call as 1, since making it counts as call 0. */
function isFunctional(config: JsonObject, name: string): boolean {
  const layers = own(config, 'layers') ?? null;
  if (!isArray(layers)) return false;
  return layers.some(
    (layer) => isJsonObject(layer) && own(layer, 'class_name') === 'Functional' && layerName(layer) === name,
  );
}

function listOf(value: Json): readonly Json[] {
  return isArray(value) ? value : [value];
}

function holdsTensor(value: Json, depth = 0): boolean {
  if (depth > MAX_DEPTH) return false;
  if (isArray(value)) return value.some((one) => holdsTensor(one, depth + 1));
  if (!isJsonObject(value)) return false;
  return (
    own(value, 'class_name') === '__keras_tensor__' || Object.values(value).some((one) => holdsTensor(one, depth + 1))
  );
}
