import { isArray, isJsonObject, type Json, type JsonObject, quote } from '../../domain/json.ts';
import { child, fieldProblem, type Problem } from '../../domain/problems.ts';
import { own, refuseUnknown } from '../place.ts';
import type { Parameter, ParameterKind, Parameters } from './identifiers.ts';

/** A checked parameter: its value for the formula, and its form in get_config(). */
interface CheckedParameter {
  readonly value: number | string | boolean | null | readonly number[];
  readonly json: Json;
}

type Check = (value: Json, name: string, parameter: Parameter) => CheckedParameter | string;

const FAN_MODES = ['fan_in', 'fan_out', 'fan_avg'];
const DISTRIBUTIONS = ['uniform', 'truncated_normal', 'untruncated_normal'];
const ORTHOGONAL_MODES = ['rows', 'columns'];

/** Each gives the checked parameter, or what it should have been. */
const CHECKS: Readonly<Record<ParameterKind, Check>> = {
  number: (value) => (isFiniteNumber(value) ? same(value) : 'a finite number'),
  positive: (value, name) =>
    isFiniteNumber(value) && value > 0
      ? same(value)
      : `a positive number (Keras: "Argument \`${name}\` must be positive float")`,
  'non-negative': (value) => (isFiniteNumber(value) && value >= 0 ? same(value) : 'a finite number, 0 or more'),
  penalty: (value, _name, parameter) => {
    if (value === null) return same(parameter.default as number);
    return isFiniteNumber(value) && value >= 0
      ? same(value)
      : 'a finite number, 0 or more ("expected a non-negative float")';
  },
  'number or null': (value) => (value === null || isFiniteNumber(value) ? same(value) : 'a finite number or null'),
  'non-negative or null': (value) =>
    value === null || (isFiniteNumber(value) && value >= 0) ? same(value) : 'a finite number, 0 or more, or null',
  boolean: (value) => (typeof value === 'boolean' ? same(value) : 'true or false'),
  'row axis': (value) => {
    const axis = isArray(value) && value.length === 1 ? value[0] : value;
    return axis === -1 || axis === 1 ? { value: -1, json: value } : '-1: a cell activates along its units only';
  },
  axis: (value) => {
    if (isInteger(value)) return same(value);
    return isIntegers(value) ? { value, json: value } : 'an integer or a list of integers';
  },
  'axes or null': (value) =>
    value === null ? same(null) : isIntegers(value) ? { value, json: value } : 'a list of integers or null',
  seed: (value) => {
    if (value === null || isInteger(value)) return same(value);
    const seed = seedOfGenerator(value);
    return seed === undefined
      ? 'an integer, null or a serialized keras.random.SeedGenerator'
      : { value: seed, json: value };
  },
  'fan mode': (value) => (isOneOf(value, FAN_MODES) ? same(value) : FAN_MODES.join(' | ')),
  distribution: (value) => {
    const lower = typeof value === 'string' ? value.toLowerCase() : value;
    const name = lower === 'normal' ? 'truncated_normal' : lower;
    return isOneOf(name, DISTRIBUTIONS) ? same(name) : DISTRIBUTIONS.join(' | ');
  },
  'orthogonal mode': (value) => (isOneOf(value, ORTHOGONAL_MODES) ? same(value) : ORTHOGONAL_MODES.join(' | ')),
  string: (value) => (typeof value === 'string' ? same(value) : 'a string'),
  fraction: (value) =>
    isFiniteNumber(value) && value >= 0 && value < 1 ? same(value) : 'a number of at least 0 and less than 1',
  share: (value) => (isFiniteNumber(value) && value >= 0 && value <= 1 ? same(value) : 'a number from 0 to 1'),
  'last axis': (value) => (value === -1 ? same(value) : '-1: a loss is taken along the last axis'),
  'integer or null': (value) => (value === null || isInteger(value) ? same(value) : 'an integer or null'),
  'rising numbers': (value) =>
    isNumbers(value) && value.every((number, k) => k === 0 || number > value[k - 1])
      ? { value, json: value }
      : 'a list of numbers, each greater than the one before',
  'positive numbers': (value) =>
    isNumbers(value) && value.every((number) => number > 0) ? { value, json: value } : 'a list of positive numbers',
  'learning rate': (value) => (isFiniteNumber(value) && value > 0 ? same(value) : 'a positive number, or a schedule'),
};

export interface CheckedParameters {
  readonly values: Readonly<Record<string, CheckedParameter['value']>>;
  /** In the order of the table. */
  readonly json: Readonly<Record<string, Json>>;
}

/**
 * The parameters of a named thing, defaults filled in.
 * @throws {Problem} invalid-config at an unknown, missing or impossible parameter.
 */
export function readParameters(
  name: string,
  parameters: Parameters,
  config: JsonObject,
  pointer: string,
  required: readonly string[] = [],
): CheckedParameters {
  const names = Object.keys(parameters);
  const takes = names.length > 0 ? `${name} takes: ${names.join(', ')}.` : `${name} takes no parameters.`;
  refuseUnknown(
    config,
    (key) => Object.hasOwn(parameters, key),
    pointer,
    'invalid-config',
    (unknown) => {
      const key = Object.keys(unknown)[0];
      return `${name}.__init__() got an unexpected keyword argument ${quote(key)}. ${takes}`;
    },
  );
  const values: Record<string, CheckedParameter['value']> = {};
  const json: Record<string, Json> = {};
  for (const [key, parameter] of Object.entries(parameters)) {
    const sent = own(config, key);
    if (sent === undefined && (parameter.default === undefined || required.includes(key))) {
      throw fieldProblem('invalid-config', pointer, `${name} needs ${quote(key)}, which was not sent. ${takes}`);
    }
    const checked = CHECKS[parameter.kind](sent === undefined ? (parameter.default ?? null) : sent, key, parameter);
    if (typeof checked === 'string') throw impossible(name, key, sent, checked, child(pointer, key));
    values[key] = checked.value;
    json[key] = checked.json;
  }
  return { values, json };
}

function impossible(name: string, key: string, sent: Json | undefined, expected: string, pointer: string): Problem {
  return fieldProblem(
    'invalid-config',
    pointer,
    `Invalid \`${key}\` argument of ${name}: ${quote(sent)}. Send ${expected}.`,
  );
}

/** The seed inside a serialized SeedGenerator, or undefined if it is not one. Its first draw is the draw of its seed. */
function seedOfGenerator(value: Json): number | null | undefined {
  if (!isJsonObject(value) || own(value, 'class_name') !== 'SeedGenerator') return undefined;
  if ((own(value, 'module') ?? 'keras.random') !== 'keras.random') return undefined;
  if (!Object.keys(value).every((key) => ['module', 'class_name', 'config', 'registered_name'].includes(key)))
    return undefined;
  const config = own(value, 'config') ?? {};
  if (!isJsonObject(config) || !Object.keys(config).every((key) => key === 'seed' || key === 'name')) return undefined;
  const name = own(config, 'name') ?? null;
  const seed = own(config, 'seed') ?? null;
  return (name === null || typeof name === 'string') && (seed === null || isInteger(seed)) ? seed : undefined;
}

function isFiniteNumber(value: Json): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

export function isInteger(value: Json): value is number {
  return Number.isSafeInteger(value);
}

function isIntegers(value: Json): value is readonly number[] {
  return isArray(value) && value.every(isInteger);
}

function isNumbers(value: Json): value is readonly number[] {
  return isArray(value) && value.every(isFiniteNumber);
}

function isOneOf(value: Json, names: readonly string[]): value is string {
  return typeof value === 'string' && names.includes(value);
}

function same(value: number | string | boolean | null): CheckedParameter {
  return { value, json: value };
}
