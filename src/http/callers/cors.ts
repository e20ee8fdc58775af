import type { FastifyInstance } from 'fastify';

const METHODS = 'GET, HEAD, POST, PUT, DELETE';
/** Headers that a page may send in addition to those that every page may. */
const SENT = 'Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id, traceparent';
/** Headers of a reply that a page may read. */
const READ =
  'Allow, Content-Disposition, ETag, Idempotency-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id';
const PREFLIGHT_SECONDS = 600;

/**
 * Lets pages of exactly these origins call the service and read its replies. Without origins it does nothing. Credentials
 * are keys in a header, never cookies, so Access-Control-Allow-Credentials is not sent.
 */
export function addCors(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  const allowed = new Set(origins);
  app.check(({ raw: { method, headers } }, reply) => {
    const { origin } = headers;
    if (origin === undefined || !allowed.has(origin)) return undefined;
    reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': READ });
    if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return undefined;
    reply
      .code(204)
      .headers({
        'access-control-allow-methods': METHODS,
        'access-control-allow-headers': SENT,
        'access-control-max-age': PREFLIGHT_SECONDS,
      })
      .send();
    return 'answered';
  });
  // Done late, because handlers set Vary: Accept.
  app.addHook('onSend', (_request, reply, _payload, done) => {
    const vary = reply.getHeader('vary');
    reply.header('vary', vary === undefined ? 'Origin' : `${vary}, Origin`);
    done();
  });
}
