import { isArray, type Json, type JsonObject, quote } from '../../../domain/json.ts';
import { child, fieldProblem, Problem } from '../../../domain/problems.ts';
import { checkSize, own } from '../../place.ts';
import { parseHead } from '../layer-head.ts';
import type { Signal } from '../layers/layer-class.ts';
import { type SerializedLayer, serializedLayer } from '../layers/parse-network-layer.ts';
import { type Model, readGraph } from './functional-graph.ts';
import { withoutMask } from './functional-nodes.ts';
import { inputSignal } from './network-input.ts';
import { inputSource, NetworkLayers, type PlacedLayer, type Source, unsupportedNetwork } from './network-layers.ts';
import { isMergeOperator, withOperatorModules } from './operators.ts';

export const NETWORK_CLASSES = ['Sequential', 'Functional'] as const;
export type NetworkClass = (typeof NETWORK_CLASSES)[number];

/** The class of a network by the name that Keras gives it; Keras 2 called a Functional a Model. */
export function networkClass(className: string): NetworkClass | undefined {
  return className === 'Model' ? 'Functional' : NETWORK_CLASSES.find((known) => known === className);
}

export interface NetworkOptions {
  readonly maxUnits: number;
  readonly maxCells?: number;
  readonly autoName: (base: string) => string;
  /** The shape to build with if the config has none. */
  readonly inputShape?: readonly (number | null)[];
  readonly pointer?: string;
}

/** A network read from its config: `config` is that with all defaults filled in. */
export interface ParsedNetwork {
  readonly className: NetworkClass;
  readonly config: JsonObject;
  readonly inputShape: readonly (number | null)[];
  readonly input: Signal;
  readonly layers: readonly PlacedLayer[];
  readonly output: Source;
}

/** The surroundings of a model's layers: the prefix of their names, and the depth of nesting. */
interface Within {
  readonly prefix: string;
  readonly trainable: boolean;
  readonly depth: number;
}

const MAX_NESTED_MODELS = 8;
const DEFAULT_MAX_CELLS = 64;

/**
 * A Sequential or Functional model by its config, a layer in each slice.
 * @throws {Problem} unsupported-layer, unsupported-network, invalid-request, invalid-config, wrong-shape, limit-exceeded
 */
export function* parseNetwork(
  className: NetworkClass,
  config: JsonObject,
  options: NetworkOptions,
): Generator<void, ParsedNetwork> {
  const { pointer = '/config', maxCells = DEFAULT_MAX_CELLS } = options;
  checkSize(config, pointer);
  const { shape, signal } = inputSignal(className, config, pointer, options.inputShape);
  const layers = new NetworkLayers(options, maxCells);
  const model = { className, config, pointer };
  const read = yield* readModel(layers, model, inputSource(signal), { prefix: '', trainable: true, depth: 0 });
  const name = own(read.config, 'name') ?? options.autoName(className.toLowerCase());
  const built: JsonObject = className === 'Sequential' ? { build_input_shape: shape } : {};
  return {
    className,
    config: { ...read.config, name, ...built },
    inputShape: shape,
    input: signal,
    layers: layers.placed,
    output: read.output,
  };
}

interface ReadModel {
  readonly output: Source;
  readonly config: JsonObject;
}

function* readModel(
  layers: NetworkLayers,
  model: SerializedLayer,
  input: Source,
  within: Within,
): Generator<void, ReadModel> {
  const { className, config, pointer } = model;
  if (within.depth > MAX_NESTED_MODELS) {
    throw fieldProblem('limit-exceeded', pointer, `Models are nested more than ${MAX_NESTED_MODELS} deep.`);
  }
  const sent = own(config, 'layers');
  const at = child(pointer, 'layers');
  if (!isArray(sent ?? null) || (sent as readonly Json[]).length === 0) {
    throw fieldProblem('invalid-request', at, `\`layers\` is ${quote(sent)}; send a list of serialized layers.`);
  }
  const { head } = parseHead(className, config, pointer, () => '');
  const inside = { ...within, trainable: within.trainable && head().trainable };
  const objects = withOperatorModules(sent as readonly Json[]).map((layer, k) => serializedLayer(layer, child(at, k)));
  const read = networkClass(className) === 'Sequential' ? readSequential : readFunctional;
  const { output, printed } = yield* read(layers, { ...model, objects }, input, inside);
  return { output, config: { ...config, layers: printed } };
}

interface ReadLayers {
  readonly output: Source;
  /** As Keras prints them. */
  readonly printed: readonly JsonObject[];
}

function* readSequential(
  layers: NetworkLayers,
  { objects }: Model,
  input: Source,
  within: Within,
): Generator<void, ReadLayers> {
  let output = input;
  const printed: JsonObject[] = [];
  for (const [k, layer] of objects.entries()) {
    if (layer.className === 'InputLayer' && k === 0) {
      printed.push(layer.object);
      continue;
    }
    const read = yield* readLayer(layers, layer, [output], within);
    output = read.source;
    printed.push({ ...layer.object, config: read.config });
  }
  return { output, printed };
}

/** Each layer once those before it are read; printed as Keras would. */
function* readFunctional(
  layers: NetworkLayers,
  model: Model,
  input: Source,
  within: Within,
): Generator<void, ReadLayers> {
  const { objects, nodes, masks, pointer, ...graph } = readGraph(model, layers.masks);
  const sources = new Map<string, Source>([[graph.input, input]]);
  const printed = objects.map(({ object }) => object);
  for (let left = nodes.filter(({ name }) => name !== graph.input).length; left > 0; ) {
    const before = left;
    for (const k of graph.order) {
      const [node, layer] = [nodes[k], objects[k]];
      const inputs = node.inputs.map((name) => sources.get(name));
      if (sources.has(node.name) || !inputs.every((source): source is Source => source !== undefined)) continue;
      if (layer.className === 'InputLayer') {
        throw unsupportedNetwork(
          node.pointer,
          `The network has several inputs: '${graph.input}' and '${node.name}'. Send one with a single input.`,
        );
      }
      masks.requireOwn(node, inputs, sources);
      const named = { ...layer, config: { ...layer.config, name: node.name } };
      const read = yield* readLayer(layers, named, inputs, within);
      sources.set(node.name, read.source);
      printed[k] = { ...(node.mask === undefined ? layer.object : withoutMask(layer.object)), config: read.config };
      left--;
    }
    if (left === before) {
      const rest = nodes.filter(({ name }) => !sources.has(name)).map(({ name }) => `'${name}'`);
      throw unsupportedNetwork(pointer, `The graph has a cycle through the layers ${rest.slice(0, 20).join(', ')}.`);
    }
  }
  masks.requireUsed(pointer);
  return { output: sources.get(graph.output) as Source, printed: graph.order.map((k) => printed[k]) };
}

/** A layer, or a model within the model, whose layers take its place. */
function* readLayer(
  layers: NetworkLayers,
  layer: SerializedLayer & { readonly object: JsonObject },
  inputs: readonly Source[],
  within: Within,
): Generator<void, { readonly source: Source; readonly config: JsonObject }> {
  const { className, config, pointer } = layer;
  yield;
  if (networkClass(className) === undefined) {
    const added = layers.add(asLayer(layer), inputs, within);
    // Keras prints only the name of an operator.
    return isMergeOperator(layer.object) ? { ...added, config } : added;
  }
  if (inputs.length !== 1)
    throw unsupportedNetwork(pointer, `The inner model has ${inputs.length} inputs; send one with a single input.`);
  const given = own(config, 'name');
  const name = typeof given === 'string' ? given : layers.autoName(className.toLowerCase());
  layers.claim(`${within.prefix}${name}`, pointer);
  const inside = { ...within, prefix: `${within.prefix}${name}.`, depth: within.depth + 1 };
  const read = yield* readModel(layers, { ...layer, config: { ...config, name } }, inputs[0], inside);
  return { source: read.output, config: read.config };
}

/** @throws {Problem} unsupported-layer for a class of another module than Keras' layers */
function asLayer(layer: SerializedLayer & { readonly object: JsonObject }): SerializedLayer {
  const { className, config, object, pointer } = layer;
  const module = own(object, 'module') ?? null;
  if (isMergeOperator(object)) return { ...layer, operator: true };
  if (module === null || module === 'keras.layers' || /^(tf_)?keras\.(src\.)?layers\b/.test(String(module)))
    return layer;
  const detail = `Layer ${quote(own(config, 'name'))} is ${className} of module ${quote(module)}; only layers of "keras.layers" are known.`;
  throw new Problem('unsupported-layer', detail, { errors: [{ pointer, detail }] });
}
