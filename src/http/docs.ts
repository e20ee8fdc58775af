import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, RouteOptions } from 'fastify';
import type { JsonObject } from '../domain/json.ts';
import { type DocumentedRoute, openApiDocument } from './openapi.ts';
import { swaggerTheme } from './swagger-theme.ts';

/** Everything that the page needs comes from this service. Swagger UI sets style attributes and nothing else inline. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Gathers the routes that are added from here on; HEAD twins and hidden ones left out. */
export function watchRoutes(app: FastifyInstance): readonly DocumentedRoute[] {
  const routes: DocumentedRoute[] = [];
  app.addHook('onRoute', ({ method, url, schema }: RouteOptions) => {
    const { hide } = (schema ?? {}) as { hide?: boolean };
    if (method !== 'HEAD' && !hide) routes.push({ method, url, schema } as unknown as DocumentedRoute);
  });
  return routes;
}

/**
 * Makes `app.swagger()` answer with the document of the routes, and puts Swagger UI at /docs. `locked` says whether callers
 * need a key.
 */
export async function addDocs(
  app: FastifyInstance,
  routes: readonly DocumentedRoute[],
  locked: boolean,
): Promise<void> {
  let document: JsonObject | undefined;
  const build = () => {
    document ??= openApiDocument(routes);
    return document;
  };
  await app.register(swagger, {
    openapi: { openapi: '3.1.1' },
    // Its own translation is made for OpenAPI 3.0 and drops what 3.1 can say, so every route is built by ours.
    transform: ({ schema, url }) => ({ schema: { ...schema, hide: true }, url }),
    transformObject: build as never,
  });
  app.addHook('onRoute', (route) => {
    if (/^\/docs(\/|$)/.test(route.url)) route.config = { ...route.config, access: 'open' };
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: CONTENT_SECURITY_POLICY,
    theme: swaggerTheme(locked),
    uiConfig: {
      layout: 'BaseLayout',
      docExpansion: 'none',
      filter: true,
      deepLinking: true,
      defaultModelsExpandDepth: 0,
      displayRequestDuration: true,
      validatorUrl: null,
      // A key stays in the page, and is gone with it.
      persistAuthorization: false,
    },
  });
}
