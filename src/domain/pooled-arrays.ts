/**
 * Arrays that live as long as a request are cut from Node's pool of buffers: a short array costs less to fill than a buffer
 * of its own to make. What they hold at first is whatever was there, so fill them. Kept for longer than a request, one keeps
 * a whole pool of others. Node aligns what it cuts to 8 bytes.
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
