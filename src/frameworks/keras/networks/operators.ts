import { isArray, isJsonObject, type Json, type JsonObject } from '../../../domain/json.ts';
import { own, textOf } from '../../place.ts';
import { argumentsOf, layerName, tensorOf } from './functional-nodes.ts';
import { MASK_OPERATORS } from './mask-terms.ts';

const MODULE = 'keras.src.ops.numpy';
/** Operators on tensors, x + y, that are the same as a merging layer. */
const MERGES = ['Add', 'Subtract', 'Multiply', 'Maximum', 'Minimum'];
/** There is a layer of the name of the last one too. */
const MASKS: readonly string[] = MASK_OPERATORS;

export function isMergeOperator(object: JsonObject): boolean {
  return own(object, 'module') === MODULE && MERGES.includes(classOf(object));
}

export function isMaskOperator(object: JsonObject): boolean {
  return own(object, 'module') === MODULE && MASKS.includes(classOf(object));
}

/**
 * The layers of a graph, operators with their module: legacy HDF5 files leave it out, so that only what goes into them tells
 * them from layers of the same class.
 */
export function withOperatorModules(layers: readonly Json[]): Json[] {
  const masks = new Set<string>();
  for (const layer of layers) {
    if (isJsonObject(layer) && MASKS.includes(classOf(layer)) && classOf(layer) !== 'Concatenate')
      masks.add(layerName(layer));
  }
  return layers.map((layer) => {
    if (!isJsonObject(layer) || (own(layer, 'module') ?? null) !== null) return layer;
    return isOperator(layer, masks) ? { ...layer, module: MODULE } : layer;
  });
}

function isOperator(layer: JsonObject, masks: ReadonlySet<string>): boolean {
  if (masks.has(layerName(layer))) return MASKS.includes(classOf(layer));
  const { args = [] } = argumentsOf(own(layer, 'inbound_nodes') ?? null) ?? {};
  if (MERGES.includes(classOf(layer))) return args.length === 2 && args.every((one) => tensorOf(one) !== undefined);
  const [list = null] = args;
  if (classOf(layer) !== 'Concatenate' || !isArray(list)) return false;
  return list.length > 0 && list.every((one) => masks.has(tensorOf(one) ?? ''));
}

function classOf(object: JsonObject): string {
  return textOf(own(object, 'class_name'));
}
