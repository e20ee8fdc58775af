import type { FastifyInstance } from 'fastify';
import { SAFETENSORS, WEIGHT_FILE_TYPES } from '../domain/media-types.ts';
import { Problem } from '../domain/problems.ts';

export { SAFETENSORS };

/** Takes files of up to `maxBytes` as bytes, on routes whose config names their type in `takesFiles`. */
export function addBinaryBody(app: FastifyInstance, { maxBytes }: { readonly maxBytes: number }): void {
  const types: readonly string[] = WEIGHT_FILE_TYPES;
  // Before the body is read: what is not taken needs no room.
  app.addHook('preParsing', async (request) => {
    const type = mediaTypeOf(request.headers['content-type']);
    if (!types.includes(type)) return;
    const { takesFiles = [] } = request.routeOptions.config;
    if (!takesFiles.includes(type)) throw notTaken(type, takesFiles);
    request.maxFileBytes = maxBytes;
  });
  for (const type of WEIGHT_FILE_TYPES) {
    app.addContentTypeParser(type, { parseAs: 'buffer', bodyLimit: maxBytes }, (request, body, done) => {
      request.bodyBytes = body as Buffer;
      done(null, body);
    });
  }
}

/** A Content-Type that a route does not take; `takesFiles` are those that it takes beside JSON. */
export function notTaken(contentType: string | undefined, takesFiles: readonly string[] = []): Problem {
  const sent = contentType
    ? `Content-Type '${contentType.slice(0, 200)}' is not taken here.`
    : 'The request has a body but no Content-Type.';
  return new Problem('unsupported-media-type', `${sent} Send ${['application/json', ...takesFiles].join(', ')}.`);
}

/** The type of a file that is the body, without its parameters. */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0].trim().toLowerCase();
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Types of files that the route takes beside JSON. */
    readonly takesFiles?: readonly string[];
  }
  interface FastifyRequest {
    /** The limit of the body, where it is a file. */
    maxFileBytes?: number;
  }
}
