import { type Json, type JsonObject, quote } from '../domain/json.ts';
import { child, fieldProblem, type Problem } from '../domain/problems.ts';
import { checkSize, own, refuseUnknown } from './place.ts';

/** One argument of a class: its type, what of that type it can be, and its default. */
export interface Argument<Value extends Json> {
  /** Absent if the argument is required. */
  readonly default?: Value;
  /** Ends the message `… send`. */
  readonly expected: string;
  isType(value: Json): value is Value;
  isPossible?(value: Value): boolean;
}

export type ArgumentTable = Readonly<Record<string, Argument<Json>>>;

/** The value of every argument of a table. */
export type ArgumentValues<Table extends ArgumentTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Argument<infer Value> ? Value : never;
};

export interface ReadArguments<Table extends ArgumentTable> {
  /** Arguments that the class does not take have their defaults. */
  readonly values: ArgumentValues<Table>;
  /** Arguments that the class takes, in its order. */
  readonly config: Readonly<Record<string, Json>>;
}

const POINTER = '/config';

/**
 * Reads the arguments that a class takes, a part of a table.
 * @throws {Problem} invalid-request for an unknown or missing argument or a wrong type, invalid-config for an impossible
 * value, limit-exceeded if they are nested too deeply
 */
export function readArguments<Table extends ArgumentTable>(
  className: string,
  table: Table,
  takes: readonly string[],
  sent: JsonObject,
): ReadArguments<Table> {
  checkSize(sent, POINTER);
  refuseUnknown(
    sent,
    (name) => takes.includes(name),
    POINTER,
    'invalid-request',
    (unknown) => `${className} takes no ${quote(Object.keys(unknown)[0])}. It takes: ${takes.join(', ')}.`,
  );
  const read = (name: string): Json => readArgument(className, name, table[name], own(sent, name));
  const config = Object.fromEntries(takes.map((name) => [name, read(name)]));
  const others = Object.entries(table).flatMap(([name, argument]) =>
    takes.includes(name) ? [] : [[name, argument.default]],
  );
  return { values: { ...config, ...Object.fromEntries(others) } as ArgumentValues<Table>, config };
}

function readArgument(className: string, name: string, argument: Argument<Json>, sent: Json | undefined): Json {
  const { expected } = argument;
  const at = child(POINTER, name);
  const value = sent === undefined ? argument.default : sent;
  if (value === undefined) {
    throw fieldProblem('invalid-request', at, `${className} needs \`${name}\`, which was not sent. Send ${expected}.`);
  }
  if (!argument.isType(value)) {
    throw fieldProblem('invalid-request', at, `\`${name}\` is ${quote(value)}; send ${expected}.`);
  }
  if (argument.isPossible?.(value) === false) throw impossible(name, value, expected);
  return value;
}

/** An argument of the right type that cannot be. */
export function impossible(name: string, value: Json, expected: string): Problem {
  return fieldProblem('invalid-config', child(POINTER, name), `\`${name}\` is ${quote(value)}; send ${expected}.`);
}

/** More units than the service takes. @throws {Problem} limit-exceeded */
export function requireUnits(name: string, value: number, maxUnits: number): void {
  if (value <= maxUnits) return;
  const text = `\`${name}\` is ${value}; a cell of this service has at most ${maxUnits}.`;
  throw fieldProblem('limit-exceeded', child(POINTER, name), text);
}

/** A whole number, at least `least`. */
export function integer(least: number, expected: string, value?: number): Argument<number> {
  return {
    default: value,
    expected,
    isType: isNumber,
    isPossible: (sent) => Number.isSafeInteger(sent) && sent >= least,
  };
}

export function flag(value: boolean): Argument<boolean> {
  return { default: value, expected: 'true or false', isType: (sent) => typeof sent === 'boolean' };
}

/** A name out of a few; the first is the default. */
export function choice<Name extends string>(...names: readonly [Name, ...Name[]]): Argument<string> {
  const expected = names.map((name) => `"${name}"`).join(' or ');
  return {
    default: names[0],
    expected,
    isType: (sent) => typeof sent === 'string',
    isPossible: (sent) => names.some((name) => name === sent),
  };
}

export function isNumber(value: Json): value is number {
  return typeof value === 'number';
}
