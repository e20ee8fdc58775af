import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../domain/problems.ts';

/** The output of `npm run web`. */
const DIRECTORY = new URL('../../web/dist/', import.meta.url);
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

/** The page may change under the same address. The names of its files contain a hash of their content. */
const CACHED = { page: 'no-cache', file: 'public, max-age=31536000, immutable' };

const OPEN = { schema: { hide: true }, config: { access: 'open' } } as const;

interface File {
  readonly bytes: Buffer;
  /** Compressed at the first request, so that the start need not wait. */
  zipped?: Buffer;
}

/** The page at / and its scripts and styles at /playground. Read once. */
export function addPlayground(app: FastifyInstance): void {
  const page = readFile('index.html');
  const names = readdirSync(new URL('playground/', DIRECTORY));
  const files = new Map(names.map((name) => [name, readFile(`playground/${name}`)]));
  app.get('/', OPEN, async (request, reply) =>
    send(request, reply.header('cache-control', CACHED.page), 'index.html', page),
  );
  app.get<{ Params: { file: string } }>('/playground/:file', OPEN, async (request, reply) => {
    const name = request.params.file;
    const file = files.get(name);
    if (!file) throw new Problem('not-found', `The page has no file '${name}'.`);
    return send(request, reply.header('cache-control', CACHED.file), name, file);
  });
}

function send(request: FastifyRequest, reply: FastifyReply, name: string, file: File): FastifyReply {
  const zips = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(request.headers['accept-encoding'] ?? '');
  if (zips) reply.header('content-encoding', 'gzip');
  return reply
    .header('content-type', TYPES[name.slice(name.lastIndexOf('.') + 1)])
    .header('content-security-policy', CONTENT_SECURITY_POLICY)
    .header('vary', 'Accept-Encoding')
    .send(zips ? zipped(file) : file.bytes);
}

function zipped(file: File): Buffer {
  file.zipped ??= gzipSync(file.bytes, { level: 9 });
  return file.zipped;
}

function readFile(path: string): File {
  return { bytes: readFileSync(new URL(path, DIRECTORY)) };
}
