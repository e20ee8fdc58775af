import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpProblem } from './http-problem.ts';

/** Paths that answer without a key: probes, documentation, pages. */
const OPEN = /^\/((healthz|readyz|openapi\.(json|yaml)|docs|problems|playground)([/?]|$)|\?|$)/;

/** Whether the path answers everybody. */
export function isOpen({ url }: Pick<FastifyRequest, 'url'>): boolean {
  return OPEN.test(url);
}

/** Lets in requests with `Authorization: Bearer <key>`, one of the given keys, compared in constant time. */
export function addAuth(app: FastifyInstance, apiKeys: readonly string[]): void {
  if (apiKeys.length === 0) return;
  const digests = apiKeys.map(digest);
  app.addHook('onRequest', async (request) => {
    if (isOpen(request)) return;
    const [, key] = /^Bearer ([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '') ?? [];
    const sent = key === undefined ? undefined : digest(key);
    // No early end: how long this takes must not tell which key came close.
    const matches = sent === undefined ? 0 : digests.filter((known) => timingSafeEqual(known, sent)).length;
    if (matches > 0) return;
    const detail = sent
      ? 'The key is not one of this service.'
      : 'The request has no Authorization: Bearer <key> header.';
    throw new HttpProblem('unauthorized', detail, { 'www-authenticate': 'Bearer' });
  });
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
