/** Puts values in shared memory; see `createSharing`. */
export type Share = <T>(value: T) => T;

/**
 * Makes the same value with the elements of every typed array in it in shared memory, so that a message to a thread does
 * not copy them: a program with its weights. An array that two programs have is shared once, for as long as it is used.
 */
export function createSharing(): Share {
  const shared = new WeakMap<object, Float32Array | Float64Array>();

  function share(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (value instanceof Float32Array || value instanceof Float64Array) {
      const known = shared.get(value);
      if (known) return known;
      const memory = new SharedArrayBuffer(value.byteLength);
      const copy = value instanceof Float32Array ? new Float32Array(memory) : new Float64Array(memory);
      copy.set(value);
      shared.set(value, copy);
      return copy;
    }
    if (ArrayBuffer.isView(value)) return value;
    if (Array.isArray(value)) return value.map(share);
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, share(each)]));
  }

  return <T>(value: T) => share(value) as T;
}

/** Bytes of all typed arrays in a value. */
export function arrayBytes(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce((sum: number, each) => sum + arrayBytes(each), 0);
}

/**
 * The same value, its arrays copied to shared memory. A message to a thread then carries no numbers, and can be sent again;
 * arrays of its own would be copied twice, and as whole buffers where they are parts of larger ones.
 */
export function inSharedMemory<T>(value: T): T {
  if (value instanceof Float32Array || value instanceof Float64Array || value instanceof Uint8Array) {
    const Type = value.constructor as new (buffer: SharedArrayBuffer) => Float32Array | Float64Array | Uint8Array;
    const copy = new Type(new SharedArrayBuffer(value.byteLength));
    copy.set(value);
    return copy as T;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(inSharedMemory) as T;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, inSharedMemory(each)])) as T;
}
