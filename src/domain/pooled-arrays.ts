/**
 * Arrays for the time of one request, cut from Node's pool of buffers: that is faster than a new buffer for each. Their first
 * content is arbitrary, so fill them. Do not keep one longer, because it keeps its whole pool alive. Node aligns them to 8
 * bytes.
 */
export function pooledFloat32(length: number): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset } = Buffer.allocUnsafe(length * Float32Array.BYTES_PER_ELEMENT);
  return new Float32Array(buffer, byteOffset, length);
}

/** The same in float64. */
export function pooledFloat64(length: number): Float64Array<ArrayBuffer> {
  const { buffer, byteOffset } = Buffer.allocUnsafe(length * Float64Array.BYTES_PER_ELEMENT);
  return new Float64Array(buffer, byteOffset, length);
}
