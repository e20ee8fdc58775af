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

/** A sent value, shortened to quote it in a message. */
export function quote(value: unknown): string {
  // JSON.stringify would write the number 1e400, which is read as Infinity, as null.
  const plain = typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value));
  const text = plain ? `${value}` : (JSON.stringify(value, withIntegers) ?? String(value));
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

/** JSON.stringify refuses a bigint. */
function withIntegers(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}` : value;
}
