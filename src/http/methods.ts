import type { FastifyInstance, HTTPMethods, RouteOptions } from 'fastify';
import { Problem } from '../domain/problems.ts';
import { HttpProblem } from './http-problem.ts';

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY'];

/**
 * Answers an unsupported method of a known path with 405 and Allow, and an unknown path with 404. Call it before any route
 * is added, and `close` when all are.
 */
export function watchMethods(app: FastifyInstance): { close: () => void } {
  const taken = new Map<string, RouteOptions>();
  app.addHook('onRoute', (route: RouteOptions) => {
    taken.set(route.url, route);
  });
  app.setNotFoundHandler((request) => {
    throw new Problem('not-found', `There is nothing at ${request.method} ${request.url.split('?')[0].slice(0, 200)}.`);
  });
  return {
    close() {
      for (const [url, { config }] of [...taken]) {
        const allow = METHODS.filter((method) => app.hasRoute({ method, url })).join(', ');
        app.route({
          method: METHODS.filter((method) => !app.hasRoute({ method, url })),
          url,
          schema: { hide: true },
          config: { access: config?.access },
          // Before the body is read: its type and size do not matter here.
          onRequest: async (request) => {
            const path = request.url.split('?')[0].slice(0, 200);
            const detail = `${path} does not take ${request.method}; it takes ${allow}.`;
            throw new HttpProblem('method-not-allowed', detail, { allow });
          },
          handler: () => undefined,
        });
      }
    },
  };
}
