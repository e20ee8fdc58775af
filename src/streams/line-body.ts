import type { FastifyInstance } from 'fastify';
import { JSON_LINES } from '../domain/media-types.ts';
import { notTaken } from '../http/binary-body.ts';

/** Hands lines on as they come, on routes whose config has `takesLines`. */
export function addLineBody(app: FastifyInstance): void {
  app.addContentTypeParser([...JSON_LINES], (request, payload, done) => {
    if (request.routeOptions.config.takesLines) done(null, payload);
    else done(notTaken(request));
  });
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body may be a stream of JSON lines, and the reply is one then. */
    readonly takesLines?: true;
  }
}
