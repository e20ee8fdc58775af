import { noQuery } from '../schemas/common.ts';
import { openApiJson, openApiYaml } from '../schemas/service.ts';
import { type App, describe } from './route.ts';

/** The OpenAPI document; Swagger UI at /docs shows it. */
export function documentRoutes(app: App): void {
  app.get(
    '/openapi.json',
    { schema: describe('readOpenApiJson', { querystring: noQuery, reply: { 200: openApiJson } }) },
    async (_request, reply) => {
      const text = JSON.stringify((await app.docs()).swagger());
      return reply.header('content-type', 'application/json; charset=utf-8').send(text);
    },
  );

  app.get(
    '/openapi.yaml',
    { schema: describe('readOpenApiYaml', { querystring: noQuery, reply: { 200: openApiYaml } }) },
    async (_request, reply) => {
      const text = (await app.docs()).swagger({ yaml: true });
      return reply.header('content-type', 'application/yaml').send(text);
    },
  );
}
