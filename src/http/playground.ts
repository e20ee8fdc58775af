import { readdirSync, readFileSync } from 'node:fs';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Problem } from '../domain/problems.ts';

const DIRECTORY = new URL('../../web/', import.meta.url);
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
};

/** Nothing inline, nothing from elsewhere. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  'img-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

const OPEN = { schema: { hide: true }, config: { access: 'open' } } as const;

/** The page at /, where a cell can be tried out, with its scripts and styles at /playground. Read once. */
export function addPlayground(app: FastifyInstance): void {
  const files = new Map(
    readdirSync(DIRECTORY)
      .filter((name) => Object.hasOwn(TYPES, extensionOf(name)))
      .map((name) => [name, readFileSync(new URL(name, DIRECTORY))]),
  );
  const send = (reply: FastifyReply, name: string) => {
    const file = files.get(name);
    if (!file) throw new Problem('not-found', `The page has no file '${name}'.`);
    return reply
      .header('content-type', TYPES[extensionOf(name)])
      .header('content-security-policy', CONTENT_SECURITY_POLICY)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .header('cache-control', 'no-cache')
      .send(file);
  };
  app.get('/', OPEN, async (_request, reply) => send(reply, 'index.html'));
  app.get<{ Params: { file: string } }>('/playground/:file', OPEN, async (request, reply) =>
    send(reply, request.params.file),
  );
}

function extensionOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
