import type { FileLayer, NamedTensors, Skipped } from '../../domain/files.ts';
import { isJsonObject, type JsonObject } from '../../domain/json.ts';
import { children, classNameOf, groupNames, nameOf, RECURRENT_LAYERS } from './model.ts';

/** A layer in a model's configuration, with the place of its weights in a Keras 3 weights file. */
export interface ConfiguredLayer {
  /** `layers/gru_1`: Keras addresses by class and order, never by name (saving_lib._save_container_state). */
  readonly path: string;
  /** Names of the layers around it, outermost first, and its own name. */
  readonly names: readonly string[];
  readonly name: string;
  /** The prefix of its variables in the whole network. In a wrapper: the wrapper's prefix. */
  readonly place: string;
  readonly className: string;
  readonly config: JsonObject;
}

const MAX_NESTING = 16;

export function isRecurrentClass({ className }: ConfiguredLayer): boolean {
  return RECURRENT_LAYERS.includes(className);
}

/** A layer that no cell can be made of. */
export function skippedLayer({ name, className }: ConfiguredLayer): Skipped {
  return { name, reason: `It is a layer of class ${className}, not a recurrent one.` };
}

/**
 * The layers of a serialized Sequential or Functional model, in place of nested models what is in them, and in place of
 * a wrapper (TimeDistributed) the layer that it wraps. InputLayers are left out.
 */
export function configuredLayers(model: JsonObject): ConfiguredLayer[] {
  return layersInside(model, '', [], 0);
}

function layersInside(model: JsonObject, prefix: string, names: readonly string[], depth: number): ConfiguredLayer[] {
  if (depth > MAX_NESTING) return [];
  const layers = children(model.config, 'layers');
  const groups = groupNames(layers.map(classNameOf));
  return layers.flatMap((layer, i) => {
    const [path, group] = [`${prefix}layers/${groups[i]}`, groups[i]];
    return leavesOf(layer, { path, group, outer: names, depth: depth + 1 });
  });
}

interface Place {
  readonly path: string;
  /** The last part of the path. */
  readonly group: string;
  /** Names of the models and wrappers around it. */
  readonly outer: readonly string[];
  readonly depth: number;
  /** The place of the wrapper around it. */
  readonly wrapper?: string;
}

function leavesOf(layer: JsonObject, { path, group, outer, depth, wrapper }: Place): ConfiguredLayer[] {
  const className = classNameOf(layer);
  if (depth > MAX_NESTING || className === 'InputLayer' || !isJsonObject(layer.config)) return [];
  const { config } = layer;
  const name = nameOf(layer, group);
  const names = [...outer, name];
  const place = wrapper ?? names.join('.');
  if (!RECURRENT_LAYERS.includes(className)) {
    if (children(config, 'layers').length > 0) return layersInside(layer, `${path}/`, names, depth);
    if (isJsonObject(config.layer)) {
      const inside = { path: `${path}/layer`, group: 'layer', outer: names, depth: depth + 1, wrapper: place };
      return leavesOf(config.layer, inside);
    }
  }
  return [{ path, names, name, place, className, config }];
}

const NETWORKS = ['Sequential', 'Functional'];

export function isNetworkClass(className: string): boolean {
  return NETWORKS.includes(className);
}

/** The model as a cell; undefined for a single recurrent layer (even in a TimeDistributed) and for a custom class. */
export function networkOf(
  model: JsonObject,
  layers: readonly ConfiguredLayer[],
  weightsOf: (layer: ConfiguredLayer) => NamedTensors,
): FileLayer | undefined {
  const className = classNameOf(model);
  const [first, ...others] = layers;
  const alone =
    others.length === 0 &&
    first &&
    isRecurrentClass(first) &&
    (first.names.length === 1 || first.path.endsWith('/layer'));
  if (!isNetworkClass(className) || !isJsonObject(model.config) || !first || alone) return undefined;
  const weights = weightsOfAll(layers, weightsOf);
  return { name: nameOf(model, 'model'), framework: 'keras', className, config: model.config, weights };
}

/** The weights of all layers, each with the place of its layer before its name. */
export function weightsOfAll(
  layers: readonly ConfiguredLayer[],
  weightsOf: (layer: ConfiguredLayer) => NamedTensors,
): NamedTensors {
  const named = layers.flatMap((layer) =>
    [...weightsOf(layer)].map(([name, tensor]) => [`${layer.place}.${name}`, tensor] as const),
  );
  return new Map(named);
}
