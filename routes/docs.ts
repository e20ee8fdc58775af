import { noQuery } from '../schemas/common.ts';
import { openApiJson, openApiYaml } from '../schemas/service.ts';
import { type App, describe } from './route.ts';

/** The OpenAPI document; Swagger UI at /docs shows it. */
export function documentRoutes(app: App): void {
  // Written once: it takes tens of milliseconds in all.
  let json: Promise<Buffer> | undefined;
  let yaml: Promise<Buffer> | undefined;

  app.get(
    '/openapi.json',
    { schema: describe('readOpenApiJson', { querystring: noQuery, reply: { 200: openApiJson } }) },
    async (_request, reply) => {
      json ??= app.openApi().then((document) => Buffer.from(JSON.stringify(document)));
      return reply.header('content-type', 'application/json; charset=utf-8').send(await json);
    },
  );

  app.get(
    '/openapi.yaml',
    { schema: describe('readOpenApiYaml', { querystring: noQuery, reply: { 200: openApiYaml } }) },
    async (_request, reply) => {
      yaml ??= app.openApiYaml().then((text) => Buffer.from(text));
      return reply.header('content-type', 'application/yaml').send(await yaml);
    },
  );
}
