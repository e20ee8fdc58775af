/** Buffer that arrays are cut from; one costs more to make than a short array to fill. */
const SLAB_BYTES = 2 ** 16;
/** Longer arrays have a buffer of their own. */
const MOST_BYTES = 2 ** 12;

let slab = new ArrayBuffer(SLAB_BYTES);
let used = 0;

/** Where so many bytes of the slab begin, a multiple of 8. No part of a slab is given out twice. */
function cut(bytes: number): number {
  if (used + bytes > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    used = 0;
  }
  const start = used;
  used += (bytes + 7) & ~7;
  return start;
}

/** Zeros, for as long as a request: kept for longer, an array keeps a whole slab of others. */
export function shortFloat32(length: number): Float32Array {
  const bytes = length * 4;
  if (bytes > MOST_BYTES) return new Float32Array(length);
  const start = cut(bytes);
  return new Float32Array(slab, start, length);
}

/** The same in float64. */
export function shortFloat64(length: number): Float64Array {
  const bytes = length * 8;
  if (bytes > MOST_BYTES) return new Float64Array(length);
  const start = cut(bytes);
  return new Float64Array(slab, start, length);
}

/** The same in bytes. */
export function shortBytes(length: number): Buffer<ArrayBuffer> {
  if (length > MOST_BYTES) return Buffer.from(new ArrayBuffer(length));
  const start = cut(length);
  return Buffer.from(slab, start, length);
}
