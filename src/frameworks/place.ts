import { beginning, isArray, type Json, type JsonObject } from '../domain/json.ts';
import { child, fieldProblem, Problem } from '../domain/problems.ts';

/** How deep and how large a configuration may be; far beyond what Keras prints for the largest stack taken here. */
const MAX_DEPTH = 64;
const MAX_VALUES = 100_000;

/** An own member, never one of Object.prototype: a key may be called `constructor` or `__proto__`. */
export function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** A text that a client sent; empty where it sent something else, which need not have a text at all. */
export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** The entry of a table by a name that a client sent. */
export function entry<Value>(table: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/**
 * Walks a value without recursion, so that everything after it may recurse and quote freely.
 * @throws {Problem} limit-exceeded if it is nested too deeply or has too many values.
 */
export function checkSize(value: Json, pointer: string): void {
  let level: Json[] = [value];
  let count = 1;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) {
      throw fieldProblem('limit-exceeded', pointer, `The configuration is nested more than ${MAX_DEPTH} levels deep.`);
    }
    const next: Json[] = [];
    for (const item of level) {
      if (typeof item !== 'object' || item === null) continue;
      const members = Object.values(item);
      count += members.length;
      if (count > MAX_VALUES) {
        throw fieldProblem('limit-exceeded', pointer, `The configuration has more than ${MAX_VALUES} values.`);
      }
      for (const member of members) next.push(member);
    }
    level = next;
  }
}

/** Values that are more than a quotation shows. */
const QUOTED = 150;

/** A value as Python prints it, cut to 120 characters: Keras' messages quote arguments so. */
export function python(value: Json): string {
  const text = repr(beginning(value, QUOTED) as Json);
  return text.length <= 120 ? text : `${text.slice(0, 117)}...`;
}

function repr(value: Json): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  if (typeof value === 'number') return String(value);
  if (isArray(value)) return `[${value.map(repr).join(', ')}]`;
  return `{${Object.entries(value)
    .map(([key, member]) => `${repr(key)}: ${repr(member)}`)
    .join(', ')}}`;
}

/** Refuses members that Keras does not know, each with its own pointer. */
export function refuseUnknown(
  object: JsonObject,
  known: (key: string) => boolean,
  pointer: string,
  code: 'invalid-request' | 'invalid-config',
  detail: (unknown: JsonObject) => string,
): void {
  const unknown = Object.entries(object).filter(([key]) => !known(key));
  if (unknown.length === 0) return;
  const text = detail(Object.fromEntries(unknown));
  const errors = unknown.slice(0, 20).map(([key]) => ({ pointer: child(pointer, key), detail: text }));
  throw new Problem(code, text, { errors });
}
