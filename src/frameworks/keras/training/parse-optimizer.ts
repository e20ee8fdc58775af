import { isJsonObject, type Json, type JsonObject, quote } from '../../../domain/json.ts';
import type { OptimizerSpec } from '../../../domain/learning.ts';
import { child, fieldProblem } from '../../../domain/problems.ts';
import { own } from '../../place.ts';
import { readParameters } from '../parameters.ts';
import { KERAS_OPTIMIZERS, UNSUPPORTED_OPTIONS } from './known.ts';
import { parseSchedule } from './parse-schedule.ts';
import { unknownName, unwrapObject } from './unwrap-object.ts';

const NAMES = Object.keys(KERAS_OPTIMIZERS);

export interface ParsedOptimizer {
  readonly spec: OptimizerSpec;
  /** `{ "class_name", "config" }` with all defaults: equal for equal optimizers. */
  readonly serialized: JsonObject;
}

/**
 * An optimizer by any identifier that keras.optimizers.get() takes: a class name in any case, or a serialized optimizer.
 * @throws {Problem} invalid-config, limit-exceeded
 */
export function parseOptimizer(sent: Json, pointer: string): ParsedOptimizer {
  const { name, config, configPointer } = unwrapObject('optimizer', NAMES, sent, pointer);
  const className = NAMES.find((known) => known.toLowerCase() === name.toLowerCase());
  if (className === undefined) throw unknownName('optimizer', NAMES, name, pointer);
  refuseUnsupported(className, config, configPointer);
  const { name: _name, ema_momentum: _momentum, ...rest } = config;
  const known = Object.fromEntries(Object.entries(rest).filter(([key]) => !Object.hasOwn(UNSUPPORTED_OPTIONS, key)));
  const schedule = isJsonObject(known.learning_rate ?? null)
    ? parseSchedule(known.learning_rate, child(configPointer, 'learning_rate'))
    : undefined;
  const { learning_rate: _rate, ...fixed } = known;
  const given = schedule ? fixed : known;
  const { values, json } = readParameters(className, KERAS_OPTIMIZERS[className], given, configPointer);
  const { learning_rate, weight_decay, clipnorm, global_clipnorm, clipvalue, ...params } = values;
  const clipping = { clipnorm, global_clipnorm, clipvalue } as Pick<
    OptimizerSpec,
    'clipnorm' | 'global_clipnorm' | 'clipvalue'
  >;
  const set = Object.entries(clipping).filter(([, value]) => value !== null);
  if (set.length > 1) {
    const detail = `Only one of \`clipnorm\`, \`clipvalue\` and \`global_clipnorm\` can be set; ${set.map(([key]) => key).join(' and ')} are.`;
    throw fieldProblem('invalid-config', configPointer, detail);
  }
  return {
    spec: {
      className,
      params,
      ...clipping,
      learningRate: schedule?.spec ?? Number(learning_rate),
      weightDecay: weight_decay as number | null,
    },
    serialized: {
      class_name: className,
      config: { ...json, ...(schedule ? { learning_rate: schedule.serialized } : {}) },
    },
  };
}

function refuseUnsupported(className: string, config: JsonObject, pointer: string): void {
  for (const [key, allowed] of Object.entries(UNSUPPORTED_OPTIONS)) {
    const sent = own(config, key);
    if (sent === undefined || allowed.includes(sent)) continue;
    const detail = `\`${key}\` of ${className} is ${quote(sent)}; this service does not have it. Send ${quote(allowed[0] as Json)}, or leave it out.`;
    throw fieldProblem('invalid-config', child(pointer, key), detail);
  }
}
