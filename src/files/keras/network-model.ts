import type { WholeLayer } from '../../domain/files.ts';
import { isArray, isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { children, classNameOf } from './model.ts';

/** Modules of the classes that are not in keras.layers. */
const MODULES: Readonly<Record<string, string>> = {
  Sequential: 'keras',
  Functional: 'keras.src.models.functional',
};

/** A network as `model.to_json()` has it. A config may leave out the modules of its layers; here they are said. */
export function networkModel({ className, config }: WholeLayer): JsonObject {
  const model = completed({ class_name: className, config });
  const { build_input_shape: shape } = config;
  return shape === undefined ? model : { ...model, build_config: { input_shape: shape } };
}

function completed(object: JsonObject): JsonObject {
  const sent = classNameOf(object);
  // Keras 2's name for a Functional.
  const className = sent === 'Model' ? 'Functional' : sent;
  const config = isJsonObject(object.config) ? withCompleted(object.config) : {};
  const module = object.module ?? MODULES[className] ?? 'keras.layers';
  const registered = object.registered_name ?? (className === 'Functional' ? className : null);
  return {
    ...object,
    ...placeInGraph(object, config),
    module,
    class_name: className,
    config,
    registered_name: registered,
  };
}

/** A layer of a Functional also has its name and its inputs beside its config. */
function placeInGraph({ inbound_nodes: nodes }: JsonObject, { name }: JsonObject): JsonObject {
  if (!isArray(nodes)) return {};
  const whole = nodes.map((node) => withShapes(isJsonObject(node) ? { ...node, kwargs: node.kwargs ?? {} } : node));
  return { ...(name === undefined ? {} : { name }), inbound_nodes: whole };
}

/** Keras asks for the shape and dtype of a tensor in a config, and then takes the one that the layer before makes. */
function withShapes(value: Json): Json {
  if (isArray(value)) return value.map(withShapes);
  if (!isJsonObject(value)) return value;
  const { config } = value;
  return classNameOf(value) === '__keras_tensor__' && isJsonObject(config)
    ? { ...value, config: { shape: [], dtype: 'float32', ...config } }
    : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withShapes(inner)]));
}

function withCompleted(config: JsonObject): JsonObject {
  const layers = children(config, 'layers').map(completed);
  const { layer } = config;
  return {
    ...config,
    ...(layers.length > 0 ? { layers } : {}),
    ...(isJsonObject(layer) ? { layer: completed(layer) } : {}),
  };
}
