import type { FastifyInstance } from 'fastify';

/** An operation that clients should leave. */
export interface Deprecation {
  /** A day, as `2027-01-31`. */
  readonly since: string;
  /** When it may be gone. */
  readonly sunset?: string;
  /** A page on what to use instead. */
  readonly link?: string;
}

/** Says in each reply of a deprecated operation that it is one: RFC 9745, and RFC 8594 for its end. */
export function tellDeprecations(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const { deprecation } = route.schema ?? {};
    if (!deprecation) return;
    const headers = headersOf(deprecation);
    // Before all others, so that refusals have them too.
    route.onRequest = [
      (_request, reply, done) => {
        reply.headers(headers);
        done();
      },
      ...[route.onRequest ?? []].flat(),
    ];
  });
}

function headersOf({ since, sunset, link }: Deprecation): Record<string, string> {
  return {
    deprecation: `@${Date.parse(since) / 1000}`,
    ...(sunset === undefined ? {} : { sunset: new Date(sunset).toUTCString() }),
    ...(link === undefined ? {} : { link: `<${link}>; rel="deprecation"; type="text/html"` }),
  };
}

declare module 'fastify' {
  interface FastifySchema {
    readonly deprecation?: Deprecation;
  }
}
