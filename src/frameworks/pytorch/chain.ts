import type { NamedTensors, Skipped } from '../../domain/files.ts';
import { isArray, isJsonObject, type JsonObject, quote } from '../../domain/json.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import { type Dtype, formatShape, type Tensor } from '../../domain/tensor.ts';
import type { ChainedLayer } from './chain-place.ts';
import { chainedRecurrent } from './chain-recurrent.ts';
import { chainedStateless } from './chain-stateless.ts';

/** A network of Keras, made of the state_dict of a module. */
export interface ChainedNetwork {
  readonly config: JsonObject;
  /** By the names of the network's variables. */
  readonly weights: NamedTensors;
  readonly chain: readonly string[];
  /** The tensors that the network has no place for. */
  readonly skipped: readonly Skipped[];
}

const POINTER = '?config.chain';
const MAX_LAYERS = 64;
/** Names that a message quotes. */
const MAX_QUOTED = 30;

/**
 * The Sequential of the layers of a module, each on the outputs of the one before, in the order of `options.chain`. Other
 * options are of one layer: `head.activation`.
 * @throws {Problem} invalid-value, invalid-file, wrong-shape, unsupported-layer, ambiguous-file
 */
export function networkOfChain(tensors: NamedTensors, options: JsonObject): ChainedNetwork {
  const chain = readChain(options);
  const dtype = commonDtype(tensors);
  const own = chain.map((name) => tensorsOf(tensors, name));
  const settings = optionsOf(options, chain);
  const layers: ChainedLayer[] = [];
  for (const [k, name] of chain.entries()) {
    // An Embedding and a Linear may have the same tensors. The features that the next layer takes distinguish them.
    const next = own[k + 1];
    const place = { name, tensors: own[k], next, first: k === 0, options: settings[k], dtype };
    layers.push(isRecurrent(own[k]) ? chainedRecurrent(place) : chainedStateless(place));
  }
  for (const [k, layer] of layers.entries()) {
    if (k > 0 && layer.takes !== layers[k - 1].gives) {
      const detail = `'${chain[k]}' takes ${layer.takes} features, but '${chain[k - 1]}' before it gives ${layers[k - 1].gives}. Send the layers in the order in which the module calls them. ${listLayers(tensors)}`;
      throw fieldProblem('wrong-shape', POINTER, detail);
    }
  }
  const [first] = layers;
  const batchShape = first.takes === 'tokens' ? [null, null] : [null, null, first.takes];
  const input = { class_name: 'InputLayer', config: { batch_shape: batchShape, name: 'input', dtype } };
  const taken = new Set(layers.flatMap(({ taken: own }, k) => own.map((name) => `${chain[k]}.${name}`)));
  return {
    config: { layers: [input, ...layers.flatMap((layer) => layer.serialized)] },
    weights: new Map(layers.flatMap((layer) => [...layer.weights])),
    chain,
    skipped: [...tensors.keys()]
      .filter((name) => !taken.has(name))
      .map((name) => ({ name: name.slice(0, 200), reason: reasonOf(name, chain) })),
  };
}

function isRecurrent(tensors: NamedTensors): boolean {
  return [...tensors.keys()].some((name) => /^(weight|bias)_(ih|hh|hr)/.test(name));
}

function reasonOf(name: string, chain: readonly string[]): string {
  const layer = chain.find((one) => name.startsWith(`${one}.`));
  return layer === undefined
    ? 'Its layer is not in config.chain.'
    : `The layer '${layer}' of the network has no place for it.`;
}

function readChain({ chain }: JsonObject): readonly string[] {
  const isName = (name: unknown): name is string => typeof name === 'string' && name.length <= 200;
  if (isArray(chain) && chain.length > 0 && chain.length <= MAX_LAYERS && chain.every(isName)) {
    const twice = chain.find((name, k) => chain.indexOf(name) !== k);
    if (twice === undefined) return chain;
    throw fieldProblem('invalid-value', POINTER, `config.chain has '${twice}' twice. A layer has one place.`);
  }
  const detail = `config.chain is ${quote(chain)}. Send the names of 1 to ${MAX_LAYERS} layers in the order of their calls, as in ["embedding","lstm","head"].`;
  throw fieldProblem('invalid-value', POINTER, detail);
}

/** float64 if all weights are float64; otherwise Keras' default. */
function commonDtype(tensors: NamedTensors): Dtype {
  const dtypes = new Set([...tensors.values()].map(({ dtype }) => dtype).filter((dtype) => dtype !== 'int64'));
  const [dtype] = dtypes;
  return dtypes.size === 1 && dtype === 'float64' ? 'float64' : 'float32';
}

/** The tensors of a layer by their own names. @throws {Problem} invalid-value if the file has none */
function tensorsOf(tensors: NamedTensors, layer: string): NamedTensors {
  const prefix = `${layer}.`;
  const own = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    const rest = name.slice(prefix.length);
    if (name.startsWith(prefix) && !rest.includes('.')) own.set(rest, tensor);
  }
  if (own.size > 0) return own;
  throw fieldProblem('invalid-value', POINTER, `The file has no layer '${layer}'. ${listLayers(tensors)}`);
}

/** The layers of the file, for messages. */
function listLayers(tensors: NamedTensors): string {
  const layers = new Map<string, string[]>();
  for (const [name, { shape }] of tensors) {
    const at = Math.max(name.lastIndexOf('.'), 0);
    const parts = layers.get(name.slice(0, at)) ?? [];
    parts.push(`${name.slice(at + 1)} ${formatShape(shape)}`);
    layers.set(name.slice(0, at), parts);
  }
  const quoted = [...layers]
    .slice(0, MAX_QUOTED)
    .map(([name, parts]) => `'${name.slice(0, 80)}' (${parts.slice(0, 8).join(', ')})`);
  const more = layers.size > MAX_QUOTED ? ` and ${layers.size - MAX_QUOTED} more` : '';
  return `It has: ${quoted.join(', ').slice(0, 3000)}${more}.`;
}

/** The options of each layer, by their own names. @throws {Problem} invalid-value for an option of no layer */
function optionsOf(options: JsonObject, chain: readonly string[]): JsonObject[] {
  const settings: Record<string, JsonObject[string]>[] = chain.map(() => ({}));
  for (const [path, value] of Object.entries(options)) {
    if (path === 'chain') continue;
    const at = path.lastIndexOf('.');
    const layer = chain.indexOf(path.slice(0, Math.max(at, 0)));
    // In the metadata of a file, options may stand in an object with the name of the layer.
    const whole = chain.indexOf(path);
    if (layer >= 0) settings[layer][path.slice(at + 1)] = value;
    else if (whole >= 0 && isJsonObject(value)) Object.assign(settings[whole], value);
    else {
      const detail = `'config.${path.slice(0, 80)}' names no layer of the chain. Send config.<layer>.<option>, as in config.${chain[0]}.activation. The layers are ${chain.join(', ').slice(0, 1000)}.`;
      throw new Problem('invalid-value', detail, { errors: [{ pointer: `?config.${path.slice(0, 80)}`, detail }] });
    }
  }
  return settings;
}
