import type { FastifyReply, FastifyRequest } from 'fastify';
import { noQuery } from '../schemas/common.ts';
import { openApiJson, openApiYaml } from '../schemas/service.ts';
import { turnOf } from '../src/http/callers/callers.ts';
import { type App, describe } from './route.ts';

/** The OpenAPI document; Swagger UI at /docs shows it. */
export function documentRoutes(app: App): void {
  // Written once: it takes tens of milliseconds in all.
  let json: Promise<Buffer> | undefined;
  let yaml: Promise<Buffer> | undefined;

  app.get(
    '/openapi.json',
    { schema: describe('readOpenApiJson', { querystring: noQuery, reply: { 200: openApiJson } }) },
    async (request, reply) => {
      json ??= app.openApi().then((document) => Buffer.from(JSON.stringify(document)));
      return sendLong(request, reply.header('content-type', 'application/json; charset=utf-8'), await json);
    },
  );

  app.get(
    '/openapi.yaml',
    { schema: describe('readOpenApiYaml', { querystring: noQuery, reply: { 200: openApiYaml } }) },
    async (request, reply) => {
      yaml ??= app.openApiYaml().then((text) => Buffer.from(text));
      return sendLong(request, reply.header('content-type', 'application/yaml'), await yaml);
    },
  );
}

/** One in each turn of the event loop: all that waited for a document have it at the same time. */
async function sendLong(request: FastifyRequest, reply: FastifyReply, document: Buffer): Promise<FastifyReply> {
  await turnOf(request)();
  return reply.send(document);
}
