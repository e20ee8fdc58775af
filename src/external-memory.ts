import { setFlagsFromString } from 'node:v8';

/** The first V8 that does it by itself, and knows no such flag any more. */
const BY_ITSELF = 14.8;

/**
 * Lets V8 begin a garbage collection by what buffers hold, as part of its heap. Otherwise one begins whenever 64 MiB of buffers have been
 * made since the last one: ten times a second where tensors of 12 MB come and go, of a heap in which nothing has changed. ADR 0109.
 */
export function countBuffersInHeap(): void {
  const [version] = /^\d+\.\d+/.exec(process.versions.v8) ?? [];
  if (Number(version) < BY_ITSELF) setFlagsFromString('--external-memory-accounted-in-global-limit');
}
