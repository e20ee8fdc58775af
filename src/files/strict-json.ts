import { isJsonObject, type JsonObject } from '../domain/json.ts';
import { invalidFile } from './bounds.ts';

/** No configuration nests deeper; what does would overflow the stack of whoever walks it. */
const MAX_DEPTH = 64;

/**
 * JSON from a file: what JSON.parse gives, and the keys of the outermost object in the order written, which it loses
 * for keys that look like integers.
 * @throws {SyntaxError} also if any object has a key twice (JSON.parse keeps the last) or the nesting is over 64.
 */
export function parseStrictJson(bytes: Uint8Array): { value: unknown; keys: string[] } {
  const text = decodeUtf8(bytes);
  return { value: JSON.parse(text), keys: outerKeys(text) };
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

/** Checks a text that JSON.parse accepts. */
function outerKeys(text: string): string[] {
  const outer: string[] = [];
  const open: (Set<string> | null)[] = [];
  let keyNext = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '{' || char === '[') {
      open.push(char === '{' ? new Set() : null);
      keyNext = char === '{';
      if (open.length > MAX_DEPTH) throw new SyntaxError(`it is nested deeper than ${MAX_DEPTH}`);
    } else if (char === '}' || char === ']') {
      open.pop();
      keyNext = false;
    } else if (char === ',') {
      keyNext = open.at(-1) !== null;
    } else if (char === '"') {
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
  return outer;
}

/** The end of the string literal that starts at `start`, after its closing quote. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}
