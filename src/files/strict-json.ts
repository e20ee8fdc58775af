import { isJsonObject, type Json, type JsonObject } from '../domain/json.ts';
import { atOnce } from '../threads/in-turns.ts';
import { invalidFile } from './bounds.ts';

/** No configuration nests deeper; what does would overflow the stack of whoever walks it. */
const MAX_DEPTH = 64;
/** Characters that are looked at, or parsed, in a millisecond or less. */
const SLICE = 2 ** 15;
/** The characters that structure JSON. */
const CHAR = {
  quote: 0x22,
  comma: 0x2c,
  bracket: 0x5b,
  backslash: 0x5c,
  bracketEnd: 0x5d,
  brace: 0x7b,
  braceEnd: 0x7d,
};

/**
 * JSON from a file: what JSON.parse gives, and the keys of the outermost object in the order written, which it loses
 * for keys that look like integers.
 * @throws {SyntaxError} also if any object has a key twice (JSON.parse keeps the last), the nesting is over 64, or more values are
 * separated by commas than `maxValues`.
 */
export function parseStrictJson(bytes: Uint8Array, maxValues?: number): StrictJson {
  return atOnce(strictJsonSlices(bytes, maxValues));
}

interface StrictJson {
  readonly value: unknown;
  readonly keys: string[];
}

/** The same in slices. An error in a long text names its place within a part of that text. */
export function* strictJsonSlices(
  bytes: Uint8Array,
  maxValues = Number.POSITIVE_INFINITY,
): Generator<void, StrictJson> {
  const text = decodeUtf8(bytes);
  const { keys, commas } = yield* outerKeys(text, maxValues);
  return { value: commas.length === 0 ? JSON.parse(text) : yield* inParts(text, commas), keys };
}

/** An object with these commas between some of its members. @throws {SyntaxError} where JSON.parse of it all would throw */
function* inParts(text: string, commas: readonly number[]): Generator<void, JsonObject> {
  const object: Record<string, Json> = {};
  let from = 0;
  for (const comma of [...commas, text.length]) {
    yield;
    const members = text.slice(from, comma);
    const part: JsonObject = JSON.parse(`${from === 0 ? '' : '{'}${members}${comma === text.length ? '' : '}'}`);
    const keys = Object.keys(part);
    if (keys.length === 0) throw new SyntaxError('it has a comma without members on both sides');
    for (const key of keys) {
      // As JSON.parse does, also for __proto__.
      if (key in object) Object.defineProperty(object, key, { value: part[key], enumerable: true });
      else object[key] = part[key];
    }
    from = comma + 1;
  }
  return object;
}

/** @throws {Problem} invalid-file if it is not a JSON object. `what` reads like `its member config.json`. */
export function parseObject(format: string, what: string, bytes: Uint8Array): JsonObject {
  try {
    const { value } = parseStrictJson(bytes);
    if (isJsonObject(value)) return value;
  } catch (error) {
    throw invalidFile(format, `${what} is not JSON: ${error instanceof Error ? error.message : error}.`, error);
  }
  throw invalidFile(format, `${what} is not a JSON object.`);
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new SyntaxError('it is not UTF-8', { cause: error });
  }
}

interface Outer {
  readonly keys: string[];
  /** Between members of the outermost object, at least so far apart as a slice is long. */
  readonly commas: number[];
}

/** Checks a text before JSON.parse does: that takes many times as long, and JSON that it refuses is not worth it. In slices. */
function* outerKeys(text: string, maxValues: number): Generator<void, Outer> {
  const outer: string[] = [];
  const commas: number[] = [];
  const open: (Set<string> | null)[] = [];
  let keyNext = false;
  let values = 0;
  for (let at = 0, next = SLICE, comma = SLICE; at < text.length; at++) {
    if (at >= next) {
      next = at + SLICE;
      yield;
    }
    const char = text.charCodeAt(at);
    if (char === CHAR.brace || char === CHAR.bracket) {
      open.push(char === CHAR.brace ? new Set() : null);
      keyNext = char === CHAR.brace;
      if (open.length > MAX_DEPTH) throw new SyntaxError(`it is nested deeper than ${MAX_DEPTH}`);
    } else if (char === CHAR.braceEnd || char === CHAR.bracketEnd) {
      open.pop();
      keyNext = false;
    } else if (char === CHAR.comma) {
      keyNext = open.at(-1) !== null;
      if (++values >= maxValues) throw new SyntaxError(`it has more than ${maxValues} values`);
      if (at >= comma && open.length === 1 && keyNext) {
        commas.push(at);
        comma = at + SLICE;
      }
    } else if (char === CHAR.quote) {
      const end = endOfString(text, at);
      const keys = open.at(-1);
      if (keyNext && keys) {
        const key: string = JSON.parse(text.slice(at, end));
        if (keys.has(key)) throw new SyntaxError(`the key ${JSON.stringify(key)} occurs twice`);
        keys.add(key);
        if (open.length === 1) outer.push(key);
      }
      keyNext = false;
      at = end - 1;
    }
  }
  return { keys: outer, commas };
}

/** The end of the string literal that starts at `start`, after its closing quote. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let first = at;
    while (text.charCodeAt(first - 1) === CHAR.backslash) first--;
    // A quote after an odd number of backslashes is a part of the string.
    if ((at - first) % 2 === 0) return at + 1;
  }
  return text.length;
}
