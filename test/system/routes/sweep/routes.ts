import type { TestApp } from '../../../support/app.ts';
import { call, type Method } from '../../../support/call.ts';

/** A route as `POST /v1/cells/:cell/steps`. */
export type Route = `${Method} ${string}`;

/**
 * The pages, which take nothing from a request, the Open Inference Protocol, whose requests test/oip makes, and streams of
 * messages, each of which is checked by itself: test/streams, test/routes/steps-of-many.
 */
const APART = /^\/(docs|playground|v1\/steps|v1\/stream|v2|$)/;

/**
 * Every route of the service but those, from the service itself: the paths of its router, and for each the
 * methods that it says it takes.
 */
export async function routesOf(app: TestApp): Promise<Route[]> {
  const routes: Route[] = [];
  for (const url of pathsOf(app.printRoutes({ commonPrefix: false }))) {
    if (APART.test(url)) continue;
    const { headers } = await call(app, 'OPTIONS', url.replaceAll(/:\w+/g, 'x'));
    const methods = String(headers.allow).split(', ') as Method[];
    routes.push(...methods.filter((method) => method !== 'HEAD').map((method): Route => `${method} ${url}`));
  }
  return routes;
}

/** Paths of a tree such as `├── /v1/cells (GET)` over `│   └── /:cell (GET)`. */
function pathsOf(tree: string): string[] {
  const above: string[] = [];
  const paths: string[] = [];
  for (const line of tree.split('\n')) {
    const match = /^([│ ]*)[├└]── (\S+)( \(.*\))?$/.exec(line);
    if (!match) continue;
    const [, indent, segment, methods] = match;
    const depth = indent.length / 4;
    above[depth] = (depth > 0 ? above[depth - 1] : '') + segment;
    if (methods) paths.push(above[depth]);
  }
  return paths;
}
