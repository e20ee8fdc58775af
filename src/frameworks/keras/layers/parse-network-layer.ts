import { isJsonObject, type Json, type JsonObject, quote } from '../../../domain/json.ts';
import { child, fieldProblem, Problem } from '../../../domain/problems.ts';
import { entry, own } from '../../place.ts';
import type { CellBudget } from '../composite-config.ts';
import { type FieldOptions, FieldSet, readFields } from '../fields.ts';
import { parseHead, serializeHead } from '../layer-head.ts';
import {
  type DefinedLayer,
  type DefinedRecurrent,
  type LayerClass,
  type LayerSource,
  misfit,
  type Signal,
} from './layer-class.ts';
import { LAYER_NAMES, LAYERS } from './layer-table.ts';
import { defineRecurrent, RECURRENT_LAYERS } from './recurrent-layers.ts';

export interface ParsedNetworkLayer {
  readonly name: string;
  readonly trainable: boolean;
  /** As get_config() prints it. */
  readonly config: JsonObject;
  readonly defined: DefinedLayer | DefinedRecurrent;
}

/** A layer of a network as its model's config has it. */
export interface SerializedLayer {
  readonly className: string;
  readonly config: JsonObject;
  readonly pointer: string;
  /** An operator on tensors, x + y: as the merging layer of its class, but it looks at no mask and has none. */
  readonly operator?: boolean;
}

const MAX_NESTED_WRAPPERS = 4;
/** Keys that other layers take for an input shape. */
const OWN_KEYS: Readonly<Record<string, readonly string[]>> = { Embedding: ['input_dim'] };
/** Keys that Keras 2 prints for the first layer. */
const SHAPE_KEYS = ['batch_input_shape', 'batch_shape'];

/**
 * One layer, and what it makes of its inputs.
 * @throws {Problem} unsupported-layer, invalid-request, invalid-config, wrong-shape, limit-exceeded
 */
export function parseNetworkLayer(
  layer: SerializedLayer,
  inputs: readonly Signal[],
  options: FieldOptions,
  budget: CellBudget,
  depth = 0,
): ParsedNetworkLayer {
  const { className, pointer } = layer;
  const config = withoutShape(layer.config);
  if (className === 'TimeDistributed') return timeDistributed({ ...layer, config }, inputs, options, budget, depth);
  const parse = entry(RECURRENT_LAYERS, className);
  if (parse) {
    const parsed = parse(config, pointer, options, budget);
    const source: LayerSource = { className, head: parsed, set: new FieldSet(), pointer, options };
    requireOne(source, inputs);
    const defined = defineRecurrent(source, parsed, inputs[0]);
    return { name: parsed.name, trainable: parsed.trainable, config: parsed.config, defined };
  }
  const known = entry(LAYERS, className);
  if (!known) throw unknownLayer(layer);
  const parsed = plainLayer(known, { ...layer, config }, inputs, options);
  return layer.operator ? { ...parsed, defined: withoutMask(parsed.defined) } : parsed;
}

function withoutMask<T extends DefinedLayer | DefinedRecurrent>(defined: T): T {
  return { ...defined, mask: { kind: 'drop' }, output: { ...defined.output, masked: false } };
}

function plainLayer(
  known: LayerClass,
  { className, config, pointer }: SerializedLayer,
  inputs: readonly Signal[],
  options: FieldOptions,
): ParsedNetworkLayer {
  const { fields } = known;
  const { head: named, rest } = parseHead(className, config, pointer, options.autoName, OWN_KEYS[className]);
  const set = readFields(className, fields, rest, pointer, options);
  const head = named();
  const source: LayerSource = { className, head, set, pointer, options };
  if (!known.several) requireOne(source, inputs);
  const printsRegularizer = Object.hasOwn(fields, 'activity_regularizer');
  if (printsRegularizer) set.json.set('activity_regularizer', head.activityRegularizer);
  const printed = serializeHead(printsRegularizer ? { ...head, activityRegularizer: null } : head);
  return {
    name: head.name,
    trainable: head.trainable,
    config: known.print?.(source) ?? { ...printed, ...set.print(fields) },
    defined: known.define(source, inputs),
  };
}

/** The inner layer sees single steps. Its variables get the prefix of the wrapper, without the inner name. */
function timeDistributed(
  { className, config, pointer }: SerializedLayer,
  inputs: readonly Signal[],
  options: FieldOptions,
  budget: CellBudget,
  depth: number,
): ParsedNetworkLayer {
  const { head: named, rest } = parseHead(className, config, pointer, options.autoName);
  if (depth >= MAX_NESTED_WRAPPERS) {
    throw fieldProblem('limit-exceeded', pointer, `Layers are wrapped more than ${MAX_NESTED_WRAPPERS} times.`);
  }
  const set = readFields(className, { layer: { kind: 'json' } }, rest, pointer, options);
  const inner = serializedLayer(set.json.get('layer') ?? null, child(pointer, 'layer'));
  const head = named();
  const source: LayerSource = { className, head, set, pointer, options };
  requireOne(source, inputs);
  const [input] = inputs;
  if (!input.time || input.mapped) throw misfit(source, 'its input has no time axis.');
  const seen = { ...input, mapped: true };
  const parsed = parseNetworkLayer(inner, [seen], options, budget, depth + 1);
  const { output } = parsed.defined;
  return {
    name: head.name,
    trainable: head.trainable && parsed.trainable,
    config: { ...serializeHead(head), layer: { ...inner.object, config: parsed.config } },
    defined: {
      ...stepByStep(parsed.defined),
      mask: { kind: 'pass' },
      output: { ...output, mapped: false, masked: input.masked },
    },
  };
}

/** Keras calls the inner layer for one step after another, so each step has its own batch statistics. */
function stepByStep(defined: DefinedLayer | DefinedRecurrent): DefinedLayer | DefinedRecurrent {
  if (defined.kind !== 'layer') return defined;
  return {
    ...defined,
    program(arrays: Parameters<DefinedLayer['program']>[0]) {
      const layer = defined.program(arrays);
      return layer.kind === 'batch_normalization' ? { ...layer, params: { ...layer.params, eachStep: true } } : layer;
    },
  };
}

/** A layer as keras.saving.serialize_keras_object prints it. @throws {Problem} invalid-request */
export function serializedLayer(value: Json, pointer: string): SerializedLayer & { readonly object: JsonObject } {
  const className = isJsonObject(value) ? own(value, 'class_name') : undefined;
  const config = isJsonObject(value) ? (own(value, 'config') ?? {}) : undefined;
  if (!isJsonObject(value) || typeof className !== 'string' || !isJsonObject(config ?? null)) {
    throw fieldProblem('invalid-request', pointer, `A layer is ${quote(value)}; send {"class_name", "config"}.`);
  }
  return { className, config: config as JsonObject, pointer: child(pointer, 'config'), object: value };
}

function requireOne(source: LayerSource, inputs: readonly Signal[]): void {
  if (inputs.length !== 1) throw misfit(source, `it has ${inputs.length} inputs; it takes one.`);
}

function withoutShape(config: JsonObject): JsonObject {
  if (!SHAPE_KEYS.some((key) => Object.hasOwn(config, key))) return config;
  return Object.fromEntries(Object.entries(config).filter(([key]) => !SHAPE_KEYS.includes(key)));
}

function unknownLayer({ className, config, pointer }: SerializedLayer): Problem {
  const name = own(config, 'name');
  const shown = typeof name === 'string' ? `Layer ${quote(name)}` : 'A layer';
  const detail = `${shown} is of class ${quote(className)}, which this service does not know. Known classes: ${LAYER_NAMES.join(', ')}.`;
  return new Problem('unsupported-layer', detail, {
    errors: [{ pointer: pointer.replace(/config$/, 'class_name'), detail }],
  });
}
