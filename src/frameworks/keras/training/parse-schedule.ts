import type { Json } from '../../../domain/json.ts';
import type { NamedSpec } from '../../../domain/learning.ts';
import { fieldProblem } from '../../../domain/problems.ts';
import { readParameters } from '../parameters.ts';
import { KERAS_SCHEDULES } from './known.ts';
import { unknownName, unwrapObject } from './unwrap-object.ts';

const NAMES = Object.keys(KERAS_SCHEDULES);

export interface ParsedSchedule {
  readonly spec: NamedSpec;
  /** As serialize_keras_object prints it. */
  readonly serialized: Json;
}

/** A serialized learning-rate schedule. @throws {Problem} invalid-config, limit-exceeded */
export function parseSchedule(sent: Json, pointer: string): ParsedSchedule {
  const { name: className, config, configPointer } = unwrapObject('schedule', NAMES, sent, pointer);
  if (!NAMES.includes(className)) throw unknownName('schedule', NAMES, className, pointer);
  const { name = className, ...parameters } = config;
  const { values, json } = readParameters(className, KERAS_SCHEDULES[className].parameters, parameters, configPointer);
  checkTogether(className, values, configPointer);
  const module = 'keras.optimizers.schedules';
  const serialized = { module, class_name: className, config: { ...json, name }, registered_name: null };
  return { spec: { className, params: values }, serialized };
}

/** Checks combinations of parameters. */
function checkTogether(className: string, params: NamedSpec['params'], pointer: string): void {
  const refuse = (detail: string) => fieldProblem('invalid-config', pointer, detail);
  if (className === 'PiecewiseConstantDecay') {
    const { boundaries, values } = params as Record<string, readonly number[]>;
    if (boundaries.length > 0 && boundaries.length === values.length - 1) return;
    throw refuse(
      `PiecewiseConstantDecay has ${boundaries.length} boundaries and ${values.length} values. Send one boundary at least, and one value more than boundaries.`,
    );
  }
  if (className !== 'CosineDecay') return;
  if (params.warmup_target === null && params.initial_learning_rate === 0) {
    throw refuse('CosineDecay has `initial_learning_rate` 0 and no `warmup_target`: the learning rate would stay 0.');
  }
}
