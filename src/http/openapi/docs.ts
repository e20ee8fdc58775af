import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import type { JsonObject } from '../../domain/json.ts';
import { Problem } from '../../domain/problems.ts';
import { inTurns } from '../../threads/in-turns.ts';
import { OwnThreads } from '../../threads/own-thread.ts';
import type { DocumentedRoute } from './document.ts';

/** Headers that belong to a connection. The outer reply sets its own. */
const OF_CONNECTION = ['connection', 'keep-alive', 'transfer-encoding', 'date'];

const YAML_SCRIPT = new URL('./yaml-worker.ts', import.meta.url);

/** Gathers the routes that are added from now on, without HEAD twins and hidden routes. */
export function watchRoutes(app: FastifyInstance): readonly DocumentedRoute[] {
  const routes: DocumentedRoute[] = [];
  app.addHook('onRoute', ({ method, url, schema }: RouteOptions) => {
    const { hide } = (schema ?? {}) as { hide?: boolean };
    if (method !== 'HEAD' && !hide) routes.push({ method, url, schema } as unknown as DocumentedRoute);
  });
  return routes;
}

/**
 * Puts Swagger UI at /docs. It is an app of its own, which the first request for it opens: loading it takes a seventh of a
 * start. `app.openApi()` is the document of the routes as a value, and `app.openApiYaml()` as text.
 */
export function addDocs(app: FastifyInstance, routes: readonly DocumentedRoute[], locked: boolean): void {
  let document: Promise<JsonObject> | undefined;
  let opened: Promise<FastifyInstance> | undefined;
  const threads = new OwnThreads<JsonObject, string>(YAML_SCRIPT);
  const openApi = () => {
    document ??= import('./document.ts').then(({ openApiDocument }) => inTurns(openApiDocument(routes)));
    return document;
  };
  const docs = () => {
    opened ??= Promise.all([import('./docs-app.ts'), openApi()]).then(([{ openDocsApp }, one]) =>
      openDocsApp(one, locked),
    );
    return opened;
  };
  app.decorate('openApi', openApi);
  app.decorate('openApiYaml', async () => threads.run(await openApi()));
  app.addHook('onClose', async () => (await opened)?.close());
  const route = { schema: { hide: true }, config: { access: 'open' } } as const;
  // Swagger UI would write it anew for each request, for a tenth of a second.
  app.get('/docs/yaml', route, async (_request, reply) => reply.redirect('../openapi.yaml'));
  for (const url of ['/docs', '/docs/', '/docs/*']) {
    app.get(url, route, async (request, reply) => passOn(await docs(), request, reply));
  }
}

async function passOn(docs: FastifyInstance, { url, headers }: FastifyRequest, reply: FastifyReply) {
  const answer = await docs.inject({ method: 'GET', url, headers: headers as Record<string, string> });
  if (answer.statusCode === 404) throw new Problem('not-found', `There is nothing at GET ${url.slice(0, 200)}.`);
  for (const [name, value] of Object.entries(answer.headers)) {
    if (!OF_CONNECTION.includes(name)) reply.header(name, value);
  }
  return reply.code(answer.statusCode).send(answer.rawPayload);
}

declare module 'fastify' {
  interface FastifyInstance {
    openApi(): Promise<JsonObject>;
    openApiYaml(): Promise<string>;
  }
}
