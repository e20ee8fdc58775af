/** A JSON value, as a request sends it or a config holds it. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Array.isArray that narrows a readonly array too. */
export function isArray(value: unknown): value is readonly Json[] {
  return Array.isArray(value);
}

/** Values that are more than a quotation shows. */
const QUOTED = 100;

/** The same value, of which what comes after the first `most` values is left out: as text it begins alike. */
export function beginning(value: unknown, most: number): unknown {
  let left = most;
  const copy = (part: unknown): unknown => {
    left--;
    if (typeof part === 'string') return part.slice(0, most);
    if (Array.isArray(part)) return copyEach(part, copy);
    // An object with such a method is not a plain object. As JSON, the field may have any other value.
    if (!isJsonObject(part) || typeof part.toJSON === 'function') return part;
    // Without a prototype, a key "__proto__" is one like others.
    const copied: Record<string, unknown> = Object.create(null);
    for (const key in part) {
      if (left <= 0) break;
      copied[key.slice(0, most)] = copy(part[key]);
    }
    return copied;
  };
  const copyEach = (list: readonly unknown[], each: (part: unknown) => unknown) => {
    const copied: unknown[] = [];
    for (let i = 0; i < list.length && left > 0; i++) copied.push(each(list[i]));
    return copied;
  };
  return copy(value);
}

/** A sent value, shortened to quote it in a message. */
export function quote(value: unknown): string {
  // JSON.stringify would write the number 1e400, which is read as Infinity, as null.
  const plain = typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value));
  const text = plain ? `${value}` : (JSON.stringify(beginning(value, QUOTED), withIntegers) ?? String(value));
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

/** JSON.stringify refuses a bigint. */
function withIntegers(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}` : value;
}
