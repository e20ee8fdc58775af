import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import helmet from 'helmet';

/**
 * Headers of every reply: helmet's, and Cache-Control, so that no cache keeps a state. Pages set their own
 * Content-Security-Policy, because this one allows a page nothing.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = Object.freeze({
  ...headersOf(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: { defaultSrc: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] },
      },
      frameguard: { action: 'deny' },
      // This service must not decide for other services under the same domain.
      strictTransportSecurity: { includeSubDomains: false },
    }),
  ),
  'cache-control': 'no-store',
});

/** Sets them first, so that a handler can replace them. */
export function addSecurityHeaders(app: FastifyInstance): void {
  app.check((_request, reply) => {
    reply.headers(SECURITY_HEADERS);
    return undefined;
  });
}

/** The headers are the same for every reply, so helmet runs only once. */
function headersOf(middleware: ReturnType<typeof helmet>): Record<string, string> {
  const headers: Record<string, string> = {};
  const response = {
    setHeader: (name: string, value: string) => {
      headers[name.toLowerCase()] = value;
    },
    removeHeader: () => undefined,
  };
  middleware({} as IncomingMessage, response as unknown as ServerResponse, (error) => {
    if (error) throw error;
  });
  return headers;
}
