import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import Fastify, { type FastifyInstance } from 'fastify';
import type { JsonObject } from '../../domain/json.ts';
import { nextTurn } from '../../threads/in-turns.ts';
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

/** The app behind /docs: Swagger UI with a document. `locked` says whether callers need a key. */
export async function openDocsApp(document: JsonObject, locked: boolean): Promise<FastifyInstance> {
  const app = Fastify();
  // Each of these loads modules, for some 30 ms.
  await nextTurn();
  await app.register(swagger, { mode: 'static', specification: { document: document as never } });
  await nextTurn();
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
  await nextTurn();
  await app.ready();
  return app;
}
