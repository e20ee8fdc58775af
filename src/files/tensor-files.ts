import type { TensorFiles } from '../domain/files.ts';
import type { Limits } from '../domain/limits.ts';
import { DEFAULT_FILE_LIMITS } from './bounds.ts';
import type { KnownHeaders } from './safetensors/header.ts';
import { safetensorsBytes, safetensorsSlices } from './safetensors/safetensors.ts';

/** A short body shares a buffer with others: one copy of it all serves as well as one of each tensor. */
function inOwnBuffer(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}

/** Bodies and replies as safetensors files, no larger than a body may be. */
export function createTensorFiles({ maxBodyBytes }: Pick<Limits, 'maxBodyBytes'>): TensorFiles {
  // Unpacked tensors take up to twice as much: float16 is held in float32, and uint32 in int64.
  const limits = {
    ...DEFAULT_FILE_LIMITS,
    maxFileBytes: maxBodyBytes,
    maxUnpackedBytes: 4 * maxBodyBytes,
    maxTensors: 1000,
  };
  const headers: KnownHeaders = new Map();
  return {
    read: (bytes) => safetensorsSlices(inOwnBuffer(bytes), limits, { views: true, headers }),
    write: ({ tensors, metadata }) => safetensorsBytes(tensors, metadata),
  };
}
