import type { FastifyInstance } from 'fastify';
import { JSON_LINES } from '../domain/media-types.ts';
import { notTaken } from '../http/bodies/binary-body.ts';

/** Passes lines on as they come, for routes with `takesLines` in their config. */
export function addLineBody(app: FastifyInstance): void {
  app.addContentTypeParser([...JSON_LINES], (request, payload, done) => {
    if (request.routeOptions.config.takesLines) done(null, payload);
    else done(notTaken(request));
  });
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body may be a stream of JSON lines; then the reply is one too. */
    readonly takesLines?: true;
  }
}
