import { createHash, type Hash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';

/**
 * The beginning of what a request with an Idempotency-Key is known by: SHA-256 of its method, path and type, and then of its
 * body. A key belongs to one of each.
 */
export function beginFingerprint(
  { method, url, headers }: Pick<FastifyRequest, 'method' | 'url' | 'headers'>,
  type = headers['content-type'] ?? '',
): Hash {
  return createHash('sha256').update(`${method} ${url}\n${type}\n`);
}

/** The same of a whole request. */
export function fingerprintOf(request: FastifyRequest): string {
  return (request.fingerprint ?? beginFingerprint(request)).copy().digest('hex');
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set where it is needed, when its body is read. */
    fingerprint?: Hash;
  }
}
