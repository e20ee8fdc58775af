import { copySlices } from '../../domain/bytes.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import { atOnce } from '../../threads/in-turns.ts';

/** Puts values in shared memory; see `createSharing`. */
export interface Sharing {
  share<T>(value: T): T;
  /** Copies the arrays that `share` would copy, in slices; it then finds them. */
  slices(value: unknown): Generator<void>;
}

/**
 * Makes the same value with the elements of every typed array in it in shared memory, so that a message to a thread does
 * not copy them: a program with its weights. An array that two programs have is shared once, for as long as it is used.
 */
export function createSharing(): Sharing {
  const shared = new WeakMap<object, FloatArray>();

  function share(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (isFloats(value)) {
      const copy = shared.get(value) ?? atOnce(copyOf(value));
      shared.set(value, copy);
      return copy;
    }
    if (ArrayBuffer.isView(value)) return value;
    if (Array.isArray(value)) return value.map(share);
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, share(each)]));
  }

  function* slices(value: unknown): Generator<void> {
    if (typeof value !== 'object' || value === null) return;
    if (isFloats(value)) {
      if (!shared.has(value)) shared.set(value, yield* copyOf(value));
    } else if (!ArrayBuffer.isView(value)) for (const each of Object.values(value)) yield* slices(each);
  }

  return { share: <T>(value: T) => share(value) as T, slices };
}

function isFloats(value: object): value is FloatArray {
  return value instanceof Float32Array || value instanceof Float64Array;
}

/** A copy in shared memory, in slices. */
function* copyOf<A extends FloatArray | Uint8Array>(array: A): Generator<void, A> {
  const Type = array.constructor as new (buffer: SharedArrayBuffer) => A;
  const memory = new SharedArrayBuffer(array.byteLength);
  yield* copySlices(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), new Uint8Array(memory));
  return new Type(memory);
}

/** Bytes of all typed arrays in a value. */
export function arrayBytes(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce((sum: number, each) => sum + arrayBytes(each), 0);
}

/**
 * The same value, its arrays copied to shared memory, in slices. A message to a thread then carries no numbers, and can be sent
 * again; arrays of its own would be copied twice, and as whole buffers where they are parts of larger ones.
 */
export function* inSharedMemory<T>(value: T): Generator<void, T> {
  if (typeof value !== 'object' || value === null) return value;
  if (isFloats(value) || value instanceof Uint8Array) return yield* copyOf(value);
  const copies: unknown[] = [];
  for (const each of Object.values(value)) copies.push(yield* inSharedMemory(each));
  if (Array.isArray(value)) return copies as T;
  return Object.fromEntries(Object.keys(value).map((name, k) => [name, copies[k]])) as T;
}
