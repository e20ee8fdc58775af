import type { FastifyInstance, HTTPMethods, RouteOptions } from 'fastify';
import { Problem } from '../domain/problems.ts';
import type { Access } from './callers/auth.ts';
import { HttpProblem } from './http-problem.ts';

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY'];

interface Path {
  readonly taken: Set<string>;
  /** That of its last route. */
  readonly access: Access | undefined;
}

/**
 * Answers an unsupported method of a known path with 405 and Allow, and an unknown path with 404. Call it before any route
 * is added, and `close` when all are.
 */
export function watchMethods(app: FastifyInstance): { close: () => void } {
  const paths = new Map<string, Path>();
  app.addHook('onRoute', ({ url, method, config }: RouteOptions) => {
    const taken = paths.get(url)?.taken ?? new Set();
    for (const each of [method].flat()) taken.add(each);
    paths.set(url, { taken, access: config?.access });
  });
  app.setNotFoundHandler((request) => {
    throw new Problem('not-found', `There is nothing at ${request.method} ${request.url.split('?')[0].slice(0, 200)}.`);
  });
  return {
    close() {
      for (const [url, { taken, access }] of [...paths]) {
        const allow = METHODS.filter((method) => taken.has(method)).join(', ');
        app.route({
          method: METHODS.filter((method) => !taken.has(method)),
          url,
          schema: { hide: true },
          config: { access },
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
