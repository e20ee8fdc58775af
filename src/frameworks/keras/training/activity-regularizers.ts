import { isArray, isJsonObject, type Json, type JsonObject, quote } from '../../../domain/json.ts';
import type { NamedSpec } from '../../../domain/learning.ts';
import { fieldProblem } from '../../../domain/problems.ts';
import { networkClass } from '../networks/network-config.ts';
import { activityOf } from '../variable-rules.ts';

/**
 * What the outputs of a layer cost in training; undefined of a network, whose layers have it. `config` is as get_config() prints it.
 * @throws {Problem} invalid-value naming a layer whose cost is not computed as Keras does: a cell, whose calls Keras cannot count
 * in a compiled training step, or one with an OrthogonalRegularizer, which Keras computes for matrices alone
 */
export function activityRegularizer(className: string, config: JsonObject): NamedSpec | undefined {
  if (networkClass(className) !== undefined) {
    for (const layer of objects(config.layers ?? null)) check(layer);
    return undefined;
  }
  return checked(className, config);
}

function check({ class_name: className, config = null }: JsonObject): void {
  if (typeof className === 'string' && isJsonObject(config)) activityRegularizer(className, config);
}

function checked(className: string, config: JsonObject): NamedSpec | undefined {
  const own = activityOf(className, config);
  if (own && (/Cells?$/.test(className) || own.className === 'OrthogonalRegularizer')) throw refused(className, config);
  // A TimeDistributed calls its layer past what counts; the directions of a Bidirectional count for themselves.
  if (className === 'TimeDistributed') return own;
  const { layer, backward_layer: backward, ...others } = config;
  if (className === 'Bidirectional') for (const side of objects([layer ?? null, backward ?? null])) check(side);
  for (const inner of Object.values(className === 'Bidirectional' ? others : config)) refuseInside(inner);
  return own;
}

/** Within an RNN are cells. */
function refuseInside(value: Json): void {
  for (const object of objects(value)) {
    const { class_name: className, config = null } = object;
    const isLayer = typeof className === 'string' && isJsonObject(config);
    if (isLayer && activityOf(className, config)) throw refused(className, config);
    for (const inner of Object.values(isLayer ? config : object)) refuseInside(inner);
  }
}

function objects(value: Json): readonly JsonObject[] {
  if (isArray(value)) return value.flatMap(objects);
  return isJsonObject(value) ? [value] : [];
}

function refused(className: string, config: JsonObject): Error {
  const detail = `${className} ${quote(config.name)} has an activity regularizer. Training computes L1, L2 or L1L2, of layers and not of cells. Train a cell without it.`;
  return fieldProblem('invalid-value', '/loss', detail);
}
