import { isJsonObject, type Json, type JsonObject, quote } from '../../domain/json.ts';
import { child, fieldProblem, type Problem } from '../../domain/problems.ts';
import type { ActivationSpec } from '../../domain/program.ts';
import { checkSize, entry, own, python, refuseUnknown } from '../place.ts';
import { ACTIVATION_LAYERS, type ActivationLayer } from './activation-layers.ts';
import { KERAS_ACTIVATIONS } from './identifiers.ts';
import { type AutoName, type LayerHead, parseHead, serializeHead } from './layer-head.ts';
import { type CheckedParameters, readParameters } from './parameters.ts';
import { WRAPPER_KEYS } from './parse-object.ts';
import { suggest } from './suggestions.ts';

export interface ParsedActivation {
  readonly spec: ActivationSpec;
  /** The form in get_config(): the function's real name, or the whole layer. */
  readonly serialized: Json;
}

/** The `hard_sigmoid` of Keras 2, clip(0.2x + 0.5, 0, 1). Keras 3 has no identifier for it. */
export const KERAS2_HARD_SIGMOID: JsonObject = {
  module: 'keras2.activations',
  class_name: 'function',
  config: 'hard_sigmoid',
  registered_name: 'hard_sigmoid',
};
const KERAS2_SPEC: ActivationSpec = { name: 'onnx_hard_sigmoid', params: { alpha: 0.2, beta: 0.5 } };

interface Nesting {
  readonly autoName: AutoName;
  readonly depth: number;
}

/** An Activation layer may hold an Activation layer, and so on. */
const MAX_NESTED_LAYERS = 8;

/**
 * An activation by any identifier that keras.activations.get() takes: a name, an alias, null for linear, a serialized
 * function (`class_name: "function"`) or a serialized activation layer. A missing module is understood; a layer without a
 * name is named by `autoName`.
 * @throws {Problem} invalid-config
 */
export function parseActivation(identifier: Json, pointer: string, autoName: AutoName = unnumbered): ParsedActivation {
  checkSize(identifier, pointer);
  return parseNested(identifier, pointer, { autoName, depth: 0 });
}

function parseNested(identifier: Json, pointer: string, nesting: Nesting): ParsedActivation {
  if (identifier === null) return named('linear', identifier, pointer);
  if (typeof identifier === 'string') return named(canonicalName(identifier), identifier, pointer);
  if (!isJsonObject(identifier)) throw uninterpretable(identifier, pointer);
  const className = own(identifier, 'class_name');
  if (typeof className !== 'string' || !Object.hasOwn(identifier, 'config')) throw uninterpretable(identifier, pointer);
  refuseUnknown(
    identifier,
    (key) => WRAPPER_KEYS.includes(key),
    pointer,
    'invalid-config',
    (unknown) => {
      return `A serialized activation has no ${quote(Object.keys(unknown)[0])}: put parameters into its \`config\`.`;
    },
  );
  const module = own(identifier, 'module');
  if (module === KERAS2_HARD_SIGMOID.module && own(identifier, 'config') === KERAS2_HARD_SIGMOID.config) {
    return { spec: KERAS2_SPEC, serialized: KERAS2_HARD_SIGMOID };
  }
  const layer = entry(ACTIVATION_LAYERS, className);
  if (layer !== undefined && (module === undefined || module === 'keras.layers')) {
    if (nesting.depth === MAX_NESTED_LAYERS) {
      throw fieldProblem(
        'limit-exceeded',
        pointer,
        `Activation layers are nested more than ${MAX_NESTED_LAYERS} deep.`,
      );
    }
    return parseLayer(className, layer, identifier, pointer, nesting);
  }
  if (!isFunctionModule(module, className)) throw unlocated(identifier, className, pointer);
  // Keras finds a serialized function only by its real name. An alias such as "swish" is not an exported function.
  const name = className === 'function' ? own(identifier, 'config') : className;
  if (typeof name !== 'string' || entry(KERAS_ACTIVATIONS, name) === undefined)
    throw unlocated(identifier, className, pointer);
  return named(name, identifier, pointer);
}

function unnumbered(base: string): string {
  return base;
}

function isFunctionModule(module: Json | undefined, className: string): boolean {
  return module === undefined || module === 'keras.activations' || (module === 'builtins' && className === 'function');
}

function named(name: string | undefined, identifier: Json, pointer: string): ParsedActivation {
  if (name === undefined) throw uninterpretable(identifier, pointer);
  const { parameters, unusable } = KERAS_ACTIVATIONS[name];
  if (unusable !== undefined) {
    throw fieldProblem('invalid-config', pointer, `activation ${quote(name)} cannot be used in a cell: ${unusable}.`);
  }
  return { spec: { name, params: scalars(readParameters(name, parameters, {}, pointer)) }, serialized: name };
}

function canonicalName(identifier: string): string | undefined {
  return Object.keys(KERAS_ACTIVATIONS).find((name) => KERAS_ACTIVATIONS[name].identifiers.includes(identifier));
}

function parseLayer(
  className: string,
  layer: ActivationLayer,
  identifier: JsonObject,
  pointer: string,
  { autoName, depth }: Nesting,
): ParsedActivation {
  const config = own(identifier, 'config') ?? {};
  const configPointer = child(pointer, 'config');
  if (!isJsonObject(config)) {
    throw fieldProblem(
      'invalid-config',
      configPointer,
      `Expected 'config' to be a dict for ${className}, got ${quote(config)}.`,
    );
  }
  const { head, rest } = parseHead(className, config, configPointer, autoName);
  const wrap = (printed: JsonObject, spec: ActivationSpec): ParsedActivation => {
    return {
      spec,
      serialized: { module: 'keras.layers', class_name: className, config: printed, registered_name: null },
    };
  };
  if (layer.wraps) {
    if (!Object.hasOwn(rest, 'activation')) {
      throw fieldProblem('invalid-config', configPointer, `${className} needs "activation", which was not sent.`);
    }
    const { activation, ...others } = rest;
    readParameters(className, {}, others, configPointer);
    const inner = parseNested(activation, child(configPointer, 'activation'), { autoName, depth: depth + 1 });
    return wrap({ ...serializeHead(head()), activation: inner.serialized }, inner.spec);
  }
  const checked = readParameters(className, layer.parameters, modernize(layer, rest), configPointer);
  const params = {
    ...scalars(readParameters(layer.activation, KERAS_ACTIVATIONS[layer.activation].parameters, {}, pointer)),
    ...scalars(checked),
  };
  const printed = layer.automaticConfig
    ? automaticConfig(config, head(), checked.json)
    : { ...serializeHead(head()), ...checked.json };
  return wrap(printed, { name: layer.activation, params });
}

/** The name, the parameters, what else was sent in the order in which it was, and the rest. Keras Operation.get_config. */
function automaticConfig(sent: JsonObject, head: LayerHead, parameters: JsonObject): JsonObject {
  const printed: JsonObject = { ...serializeHead(head), activity_regularizer: head.activityRegularizer };
  const keys = Object.keys(sent).filter((key) => Object.hasOwn(printed, key) || key === 'autocast');
  const others = Object.fromEntries(keys.map((key) => [key, key === 'autocast' ? sent[key] : printed[key]]));
  return { name: '', ...parameters, ...others, ...serializeHead(head) };
}

/** The config with older parameter names replaced; the older one wins, as in Keras. */
function modernize(
  { legacy = {} }: { readonly legacy?: Readonly<Record<string, string>> },
  config: JsonObject,
): JsonObject {
  const old = Object.keys(legacy).filter((key) => Object.hasOwn(config, key));
  if (old.length === 0) return config;
  const kept = Object.entries(config).filter(([key]) => !old.includes(key));
  return { ...Object.fromEntries(kept), ...Object.fromEntries(old.map((key) => [legacy[key], config[key]])) };
}

/** No activation has a parameter that is a list or a word. */
function scalars({ values }: CheckedParameters): ActivationSpec['params'] {
  const params: Record<string, number | boolean | null> = {};
  for (const [key, value] of Object.entries(values)) {
    if (typeof value === 'object' && value !== null) throw new TypeError(`${key} is a list`);
    if (typeof value === 'string') throw new TypeError(`${key} is a string`);
    params[key] = value;
  }
  return params;
}

function uninterpretable(identifier: Json, pointer: string): Problem {
  const usable = Object.values(KERAS_ACTIVATIONS).filter((known) => known.unusable === undefined);
  const identifiers = usable.flatMap((known) => known.identifiers);
  const hint =
    typeof identifier === 'string'
      ? suggest(identifier, identifiers)
      : `Send a name, or a layer as {"module": "keras.layers", "class_name", "config"}. Names: ${identifiers.join(', ')}.`;
  const shown = typeof identifier === 'string' ? identifier.slice(0, 80) : python(identifier);
  return fieldProblem(
    'invalid-config',
    pointer,
    `Could not interpret activation function identifier: ${shown}. ${hint}`,
  );
}

function unlocated(identifier: JsonObject, className: string, pointer: string): Problem {
  const layers = Object.keys(ACTIVATION_LAYERS).join(', ');
  const what = className === 'function' ? `function ${quote(own(identifier, 'config'))}` : `class ${quote(className)}`;
  const where = quote(own(identifier, 'module') ?? null);
  const text = `Could not interpret activation function identifier: there is no activation ${what} in module ${where}. Layers (module "keras.layers"): ${layers}. Functions (module "keras.activations"): ${Object.keys(KERAS_ACTIVATIONS).join(', ')}.`;
  return fieldProblem('invalid-config', pointer, text);
}
