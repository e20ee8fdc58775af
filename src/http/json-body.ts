import type { FastifyInstance } from 'fastify';
import { Problem } from '../domain/problems.ts';

/** Deepest nesting of arrays and objects in a body: enough for a stack of cells, not for a stack overflow. */
const MAX_DEPTH = 64;

/** Parses application/json bodies: UTF-8, bounded depth, no key that could reach a prototype. */
export function addJsonBody(app: FastifyInstance): void {
  app.addHook('preParsing', async (request) => {
    const encoding = request.headers['content-encoding'];
    if (encoding === undefined || encoding.toLowerCase() === 'identity') return;
    const detail = `Content-Encoding '${encoding.slice(0, 80)}' is not taken here. Send the body as it is.`;
    throw new Problem('unsupported-media-type', detail, { headers: { 'accept-encoding': 'identity' } });
  });
  app.addHook('preParsing', async (request) => {
    const type = request.headers['content-type'] ?? '';
    const [, charset = 'utf-8'] = /^application\/json\s*;.*\bcharset="?([^";\s]*)/i.exec(type) ?? [];
    if (/^(utf-?8|us-ascii)$/i.test(charset)) return;
    const detail = `charset '${charset.slice(0, 80)}' is not taken here. Send UTF-8.`;
    throw new Problem('unsupported-media-type', detail);
  });
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = body as Buffer;
    request.bodyBytes = bytes;
    // DELETE and bare POSTs may carry the header without a body.
    if (bytes.length === 0) return done(null, undefined);
    try {
      requireDepth(bytes);
      const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      parse(request, text, (error, value) => {
        if (error) done(new Problem('invalid-json', syntaxMessage(text, error)));
        else done(null, value);
      });
    } catch (error) {
      done(error instanceof Problem ? error : new Problem('invalid-json', 'The body is not UTF-8 text.'));
    }
  });
}

function syntaxMessage(text: string, error: Error): string {
  try {
    JSON.parse(text);
    return 'A key of the body is __proto__ or constructor.prototype, which is refused.';
  } catch (syntax) {
    return `The body is not valid JSON: ${(syntax instanceof Error ? syntax : error).message}.`;
  }
}

/** One pass over the bytes, strings skipped. @throws {Problem} invalid-json */
function requireDepth(bytes: Uint8Array): void {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (inString) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) {
      inString = true;
    } else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > MAX_DEPTH)
        throw new Problem('invalid-json', `The body is nested more than ${MAX_DEPTH} levels deep.`);
    } else if (byte === 0x5d || byte === 0x7d) {
      depth--;
    }
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The body as it came, for the fingerprint of an Idempotency-Key. */
    bodyBytes?: Buffer;
  }
}
