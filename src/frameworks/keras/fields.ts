import { type Json, type JsonObject, quote } from '../../domain/json.ts';
import { child, fieldProblem } from '../../domain/problems.ts';
import type { ActivationSpec, InitializerTemplate } from '../../domain/program.ts';
import { own, python, refuseUnknown } from '../place.ts';
import type { Field, FieldKind, Fields } from './cell-classes.ts';
import { type AutoName, HEAD_KEYS, wrongType } from './layer-head.ts';
import { isInteger } from './parameters.ts';
import { parseActivation } from './parse-activation.ts';
import { parseConstraint, parseInitializer, parseRegularizer } from './parse-object.ts';

export interface FieldOptions {
  readonly autoName: AutoName;
  readonly maxUnits: number;
}

/** The fields of one config, by key: what get_config() prints of each, and what it means. */
export class FieldSet {
  readonly json = new Map<string, Json>();
  readonly numbers = new Map<string, number>();
  readonly flags = new Map<string, boolean>();
  readonly activations = new Map<string, ActivationSpec>();
  readonly initializers = new Map<string, InitializerTemplate>();

  /** The config as get_config() prints it, in the order of `fields`. */
  print(fields: Fields): JsonObject {
    const printed: Record<string, Json> = {};
    for (const [key, { printed: shown }] of Object.entries(fields)) {
      if (shown !== false) printed[key] = this.json.get(key) ?? null;
    }
    return printed;
  }
}

/**
 * Reads a config (without the keys of the head) by a table, defaults filled in.
 * @throws {Problem} invalid-request at an unknown or missing key or a value of the wrong type, invalid-config at an
 * impossible value, limit-exceeded at too many units
 */
export function readFields(
  className: string,
  fields: Fields,
  config: JsonObject,
  pointer: string,
  options: FieldOptions,
): FieldSet {
  refuseUnknownKeys(className, Object.keys(fields), config, pointer);
  const set = new FieldSet();
  for (const [key, field] of Object.entries(fields)) {
    const sent = own(config, key);
    const value = sent === undefined ? field.default : sent;
    if (value === undefined) throw missing(className, key, expectation(field.kind), pointer);
    readField(set, field, { key, value, pointer }, options);
  }
  return set;
}

/** Keras' message for keys that a layer does not take, and the keys that it takes. */
export function refuseUnknownKeys(
  className: string,
  keys: readonly string[],
  config: JsonObject,
  pointer: string,
): void {
  refuseUnknown(
    config,
    (key) => keys.includes(key),
    pointer,
    'invalid-request',
    (unknown) => {
      const takes = [...HEAD_KEYS.slice(0, 3), ...keys, ...HEAD_KEYS.slice(3)].join(', ');
      return `Unrecognized keyword arguments passed to ${className}: ${python(unknown)}. ${className} takes: ${takes}.`;
    },
  );
}

export function missing(className: string, key: string, expected: string, pointer: string) {
  const text = `${className}.__init__() missing 1 required positional argument: '${key}'. Send ${expected}.`;
  return fieldProblem('invalid-request', child(pointer, key), text);
}

function expectation(kind: FieldKind): string {
  return kind === 'units' || kind === 'count' ? 'a positive integer' : 'a value';
}

function readField(
  set: FieldSet,
  { kind, choices = [] }: Field,
  { key, value, pointer }: { readonly key: string; readonly value: Json; readonly pointer: string },
  options: FieldOptions,
): void {
  const at = child(pointer, key);
  set.json.set(key, value);
  switch (kind) {
    case 'units':
      set.numbers.set(key, checkUnits(key, value, pointer, options.maxUnits));
      return;
    case 'rate':
      set.numbers.set(key, checkRate(key, value, pointer));
      return;
    case 'flag':
      if (typeof value !== 'boolean') throw wrongType(key, value, 'true or false', pointer);
      set.flags.set(key, value);
      return;
    case 'activation': {
      const { spec, serialized } = parseActivation(value, at, options.autoName);
      set.activations.set(key, spec);
      set.json.set(key, serialized);
      return;
    }
    case 'initializer': {
      const { spec, serialized } = parseInitializer(value, at);
      set.initializers.set(key, spec);
      set.json.set(key, serialized);
      return;
    }
    case 'regularizer':
      set.json.set(key, parseRegularizer(value, at));
      return;
    case 'constraint':
      set.json.set(key, parseConstraint(value, at));
      return;
    case 'seed':
      if (checkSeed(key, value, pointer)) set.numbers.set(key, value);
      return;
    case 'count':
      set.numbers.set(key, checkUnits(key, value, pointer, Number.MAX_SAFE_INTEGER));
      return;
    case 'number':
      if (typeof value !== 'number' || !Number.isFinite(value)) throw wrongType(key, value, 'a number', pointer);
      set.numbers.set(key, value);
      return;
    case 'choice':
      if (choices.includes(value)) return;
      throw fieldProblem(
        'invalid-config',
        at,
        `\`${key}\` is ${quote(value)}; send ${choices.map(quote).join(' or ')}.`,
      );
    case 'json':
      return;
    case 'implementation':
      if (typeof value !== 'number') throw wrongType(key, value, '1 or 2', pointer);
      if (![0, 1, 2].includes(value)) throw fieldProblem('invalid-config', at, `\`${key}\` is ${value}; send 1 or 2.`);
      return;
    case 'use_cudnn':
      if (value !== 'auto' && typeof value !== 'boolean') {
        const text = `Expected one of {'auto', True, False}. Received: use_cudnn=${python(value)}. Send "auto", true or false.`;
        throw fieldProblem('invalid-config', at, text);
      }
  }
}

function checkUnits(key: string, value: Json, pointer: string, maxUnits: number): number {
  const at = child(pointer, key);
  if (typeof value !== 'number') throw wrongType(key, value, 'a positive integer', pointer);
  if (!Number.isInteger(value) || value <= 0) {
    const text = `Received an invalid value for argument \`${key}\`, expected a positive integer, got ${quote(value)}.`;
    throw fieldProblem('invalid-config', at, text);
  }
  if (value > maxUnits) {
    throw fieldProblem('limit-exceeded', at, `\`${key}\` is ${value}; a cell of this service has at most ${maxUnits}.`);
  }
  return value;
}

/** Keras clamps a rate to [0, 1]; here one outside is refused, as it can only be a mistake. */
function checkRate(key: string, value: Json, pointer: string): number {
  if (typeof value !== 'number') throw wrongType(key, value, 'a number from 0 to 1', pointer);
  if (value >= 0 && value <= 1) return value;
  throw fieldProblem('invalid-config', child(pointer, key), `\`${key}\` is ${value}; send a number from 0 to 1.`);
}

/** Whether there is a seed. */
function checkSeed(key: string, value: Json, pointer: string): value is number {
  if (value === null) return false;
  if (isInteger(value)) return true;
  const text = `Argument \`seed\` must be an integer. Received: seed=${python(value)}. Send an integer or null.`;
  throw fieldProblem(typeof value === 'number' ? 'invalid-config' : 'invalid-request', child(pointer, key), text);
}
