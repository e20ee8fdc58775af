import { isArray, isJsonObject, type Json, type JsonObject, quote } from '../../../domain/json.ts';
import { fieldProblem } from '../../../domain/problems.ts';
import { own } from '../../place.ts';

/**
 * Refuses the loss of a cell whose outputs cost something in training: their term is not computed, and without it the numbers
 * would not be Keras'. `config` is as get_config() prints it.
 * @throws {Problem} invalid-value naming the first layer with an `activity_regularizer`, or an ActivityRegularization that is not 0
 */
export function requireNoActivityRegularizer(className: string, config: JsonObject): void {
  const layer = firstLayer(className, config);
  if (layer === undefined) return;
  const detail = `${layer} has an activity regularizer. Training does not compute its term of the loss. Train a cell without it.`;
  throw fieldProblem('invalid-value', '/loss', detail);
}

function firstLayer(className: string, config: JsonObject): string | undefined {
  const costs = className === 'ActivityRegularization' && (config.l1 !== 0 || config.l2 !== 0);
  if (costs || (own(config, 'activity_regularizer') ?? null) !== null) return `${className} ${quote(config.name)}`;
  return firstInside(Object.values(config));
}

function firstInside(values: readonly Json[]): string | undefined {
  for (const value of values) {
    const found = isArray(value) ? firstInside(value) : isJsonObject(value) ? inObject(value) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function inObject(object: JsonObject): string | undefined {
  const { class_name: className, config = null } = object;
  return typeof className === 'string' && isJsonObject(config)
    ? firstLayer(className, config)
    : firstInside(Object.values(object));
}
