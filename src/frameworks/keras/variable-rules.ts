import type { VariableSpec } from '../../domain/cell-definition.ts';
import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import type { NamedSpec } from '../../domain/learning.ts';

/**
 * The regularizer and the constraint of a variable from its layer's config, as get_config() prints it: those under
 * `<variable>_regularizer` and `<variable>_constraint`.
 */
export function variableRules(config: JsonObject, variable: string): Pick<VariableSpec, 'regularizer' | 'constraint'> {
  const regularizer = namedSpec(config[`${variable}_regularizer`]);
  const constraint = namedSpec(config[`${variable}_constraint`]);
  return { ...(regularizer && { regularizer }), ...(constraint && { constraint }) };
}

/**
 * What the outputs of a layer cost in training, from its config as get_config() prints it: its `activity_regularizer`, or the l1 and
 * l2 of an ActivityRegularization.
 */
export function activityOf(className: string, config: JsonObject): NamedSpec | undefined {
  if (className !== 'ActivityRegularization') return namedSpec(config.activity_regularizer);
  const [l1, l2] = [Number(config.l1), Number(config.l2)];
  return l1 === 0 && l2 === 0 ? undefined : { className: 'L1L2', params: { l1, l2 } };
}

function namedSpec(serialized: Json | undefined): NamedSpec | undefined {
  if (serialized === undefined || !isJsonObject(serialized)) return undefined;
  return { className: String(serialized.class_name), params: serialized.config as NamedSpec['params'] };
}
