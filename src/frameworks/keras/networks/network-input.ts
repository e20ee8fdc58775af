import { isArray, isJsonObject, type Json, type JsonObject, quote } from '../../../domain/json.ts';
import { child, fieldProblem } from '../../../domain/problems.ts';
import { type Dtype, formatShape, isFloat } from '../../../domain/tensor.ts';
import { own } from '../../place.ts';
import type { Signal } from '../layers/layer-class.ts';
import { inboundOf, layerName, onlyLayer } from './functional-nodes.ts';
import { isMaskOperator, withOperatorModules } from './operators.ts';

type InputShape = readonly (number | null)[];

/** Dimensions of an input besides batch and time. */
const MAX_RANK = 8;
const MAX_EXTENT = 2 ** 24;

/**
 * The input of a network, from the shape of its InputLayer, its `build_input_shape` or the given shape: [batch, time,
 * features]; [batch, time] if its first layer is an Embedding; or [batch, features] for a network over single steps.
 * @throws {Problem} invalid-config if nothing gives the shape or the features
 */
export function inputSignal(
  className: string,
  config: JsonObject,
  pointer: string,
  given: InputShape | undefined,
): { readonly shape: InputShape; readonly signal: Signal } {
  const layer = inputLayer(className, config, pointer);
  const shape = shapeOf(layer) ?? readShape(own(config, 'build_input_shape') ?? null) ?? given;
  if (!shape) {
    const text = `This ${className} does not give its input shape. Send \`input_shape\`, as in [null, null, 3], or an InputLayer.`;
    throw fieldProblem('invalid-config', child(pointer, 'layers'), text);
  }
  const tokens =
    shape.length <= 2 && firstClasses({ className, config }, pointer).every((name) => name === 'Embedding');
  const rest = shape.slice(1);
  const time = rest.length > 1 || (tokens && rest.length === 1);
  const dims = time ? rest.slice(1) : rest;
  if (shape.length > MAX_RANK || !dims.every((extent): extent is number => extent !== null && extent <= MAX_EXTENT)) {
    const text = `The input shape ${formatShape(shape)} does not give the features. Send [batch, time, features] with a number for features.`;
    throw fieldProblem('invalid-config', child(pointer, 'layers'), text);
  }
  const dtype = tokens ? 'float64' : dtypeOf(layer);
  const signal: Signal = { time: true, mapped: !time, steps: time ? rest[0] : null, dims, dtype, masked: false };
  return { shape, signal };
}

/** The config of the input layer, or of the first layer, where Keras 2 puts the shape. */
function inputLayer(className: string, config: JsonObject, pointer: string): JsonObject {
  const layers = objects(config);
  const first =
    className === 'Sequential'
      ? layers.at(0)
      : layers.find((layer) => layerName(layer) === onlyLayer(config, 'input_layers', pointer));
  if (first === undefined) return {};
  const own = configOf(first);
  const nested = first.class_name === 'Sequential' || first.class_name === 'Functional' || first.class_name === 'Model';
  return nested ? inputLayer(first.class_name === 'Sequential' ? 'Sequential' : 'Functional', own, pointer) : own;
}

function shapeOf(layer: JsonObject): InputShape | undefined {
  return readShape(own(layer, 'batch_shape') ?? null) ?? readShape(own(layer, 'batch_input_shape') ?? null);
}

function readShape(value: Json): InputShape | undefined {
  const isExtent = (extent: Json) => extent === null || (Number.isSafeInteger(extent) && Number(extent) >= 0);
  if (!isArray(value) || value.length === 0) return undefined;
  if (value.every(isExtent)) return value as InputShape;
  throw fieldProblem(
    'invalid-config',
    '/config',
    `The input shape is ${quote(value)}; send a list of numbers and nulls.`,
  );
}

function dtypeOf(layer: JsonObject): Dtype {
  const dtype = own(layer, 'dtype');
  return dtype === 'float64' ||
    dtype === 'float16' ||
    dtype === 'bfloat16' ||
    (typeof dtype === 'string' && isFloat(dtype as Dtype))
    ? (dtype as Dtype)
    : 'float32';
}

/** The classes of the layers that take the input, within nested models too. */
function firstClasses(
  { className, config }: { readonly className: string; readonly config: JsonObject },
  pointer: string,
  depth = 0,
): string[] {
  const layers = objects(config);
  const first =
    className === 'Sequential'
      ? layers.filter(({ class_name }) => class_name !== 'InputLayer').slice(0, 1)
      : consumers(config, layers, pointer);
  return first.flatMap((layer) => {
    const name = String(layer.class_name);
    const nested = name === 'Sequential' || name === 'Functional' || name === 'Model';
    if (!nested || depth > MAX_RANK) return [name];
    return firstClasses(
      { className: name === 'Sequential' ? name : 'Functional', config: configOf(layer) },
      pointer,
      depth + 1,
    );
  });
}

function consumers(config: JsonObject, layers: readonly JsonObject[], pointer: string): JsonObject[] {
  const input = onlyLayer(config, 'input_layers', pointer);
  return layers.filter((layer, k) => {
    if (isMaskOperator(layer)) return false;
    return inboundOf(layerName(layer), layer, child(child(pointer, 'layers'), k)).inputs.includes(input);
  });
}

function objects(config: JsonObject): JsonObject[] {
  const layers = own(config, 'layers') ?? null;
  return isArray(layers) ? withOperatorModules(layers).filter(isJsonObject) : [];
}

function configOf(layer: JsonObject): JsonObject {
  const config = own(layer, 'config') ?? null;
  return isJsonObject(config) ? config : {};
}
