import fc from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { BASES } from './sweep/bases.ts';
import { probe } from './sweep/expectations.ts';
import { textOf, VALUES } from './sweep/mutations.ts';
import type { Route } from './sweep/routes.ts';
import { buildWorld, requestOf, type World } from './sweep/world.ts';

const RUNS = 60;
const basesOf = (route: Route) => BASES[route].filter(({ body }) => body !== undefined);
const ROUTES = (Object.keys(BASES) as Route[]).filter((route) => basesOf(route).length > 0);

/** Keys and plain values that stand anywhere in the valid bodies: what makes random bodies come close to valid ones. */
function vocabulary(value: unknown, keys: Set<string>, values: unknown[]): void {
  if (typeof value !== 'object' || value === null) values.push(value);
  else {
    values.push(value);
    for (const [key, inner] of Object.entries(value)) {
      if (!Array.isArray(value)) keys.add(key);
      vocabulary(inner, keys, values);
    }
  }
}

let world: World;
beforeAll(async () => {
  world = await buildWorld();
});
afterAll(() => world.app.close());

describe('a random body', () => {
  const keys = new Set<string>();
  const values: unknown[] = [];
  for (const route of ROUTES) for (const { body } of basesOf(route)) vocabulary(body, keys, values);
  // Large values have their place in the sweep; here they would only be slow.
  const odd = Object.entries(VALUES).flatMap(([name, value]) => (/megabyte|long|deep/.test(name) ? [] : [value]));
  const leaf = fc.oneof(fc.constantFrom(...values), fc.constantFrom(...odd), fc.jsonValue({ maxDepth: 2 }));
  const key = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...keys) },
    fc.string().filter((name) => name !== '__proto__'),
  );
  const any = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
    ),
  })).tree;

  it.each(ROUTES)('is answered without a fault, and changes nothing where it is refused, at %s', async (route) => {
    const bases = basesOf(route);
    const bodies = fc.constantFrom(...bases).chain((base) => {
      const fields = Object.keys(base.body as object);
      const changes = fc.dictionary(fc.oneof(fc.constantFrom(...fields), key), any, { maxKeys: 2 });
      const near = changes.map((change) => ({ ...(base.body as object), ...change }));
      return fc.oneof({ weight: 3, arbitrary: near }, any).map((body) => ({ ...requestOf(base), body: textOf(body) }));
    });
    await fc.assert(
      fc.asyncProperty(bodies, async (request) => {
        await probe(world, route, request, request.body);
      }),
      { numRuns: RUNS },
    );
  });
});
