import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProblem } from '../../support/call.ts';
import { BASES, type Base } from './sweep/bases.ts';
import { expectNamed, probe } from './sweep/expectations.ts';
import { isJustified } from './sweep/justified.ts';
import { at, placesOf, pointerOf, textOf, VALUES, withValue } from './sweep/mutations.ts';
import { type Route, routesOf } from './sweep/routes.ts';
import { buildWorld, requestOf, send, type World } from './sweep/world.ts';

const ROUTES = Object.keys(BASES) as Route[];
const WITH_BODY = ROUTES.filter((route) => BASES[route].some(({ body }) => body !== undefined));
const CHANGES = ROUTES.filter(
  (route) => !route.startsWith('GET') && !/\/(steps|sequences|gradients|ops\/:op)$/.test(route),
);

let world: World;
beforeAll(async () => {
  world = await buildWorld();
});
afterAll(() => world.app.close());

const basesOf = (route: Route): readonly (Base & { body: object })[] =>
  BASES[route].filter((base): base is Base & { body: object } => base.body !== undefined);

/** These take the files of a model as parts of one body. */
const TAKES_PARTS = new Set(['POST /v1/cells', 'PUT /v1/cells/:cell/weights']);

describe('the sweep', () => {
  it('has a valid request of every route, and of no other', async () => {
    expect((await routesOf(world.app)).sort()).toEqual(ROUTES.toSorted());
    for (const route of ROUTES) {
      for (const base of BASES[route]) {
        const reply = await send(world.app, route, requestOf(base));
        expect(reply.status, `${route}: ${reply.text.slice(0, 600)}`).toBeLessThan(300);
        await world.restore();
      }
    }
  });
});

describe('a body with a wrong value in any place', () => {
  it.each(WITH_BODY)('is refused and named, and changes nothing, at %s', async (route) => {
    for (const base of basesOf(route)) {
      for (const path of placesOf(base.body)) {
        for (const [name, value] of [...Object.entries(VALUES), ['missing', undefined] as const]) {
          const isBody = path.length === 0 && value === undefined;
          if (isBody || JSON.stringify(at(base.body, path)) === JSON.stringify(value)) continue;
          const place = pointerOf(path);
          const what = `${name} at '${place}'`;
          const body = textOf(withValue(base.body, path, value));
          const reply = await probe(world, route, { ...requestOf(base), body }, what);
          if (reply.status < 300) expect(isJustified(route, place, name), `${route} took ${what}`).toBe(true);
          else expectNamed(reply, path, value, `${route}: ${what}`);
        }
      }
    }
  });
});

describe('a body with a field that is not known', () => {
  // The framework's own config and the weights have names of their own; some of them are not refused but looked up.
  it.each(WITH_BODY)('is refused at every level, at %s', async (route) => {
    for (const base of basesOf(route)) {
      for (const path of placesOf(base.body)) {
        const object = at(base.body, path);
        if (typeof object !== 'object' || object === null || Array.isArray(object)) continue;
        for (const field of ['unknown_field', 'Constructor', '__proto_', '', 'a/b~c', '\u0000', 'ü💥']) {
          const body = textOf(withValue(base.body, [...path, field], 1));
          const place = pointerOf([...path, field]);
          const reply = await probe(world, route, { ...requestOf(base), body }, `field '${place}'`);
          // build_config is Keras' own, which may have more in it.
          if (reply.status < 300) expect(pointerOf(path), `${route} took ${place}`).toBe('/build_config');
          else expectNamed(reply, [...path, field], undefined, `${route}: field ${place}`);
        }
      }
    }
  });
});

describe('a body that is not JSON', () => {
  it.each(WITH_BODY)('is refused wherever it ends, at %s', async (route) => {
    for (const base of basesOf(route)) {
      const text = JSON.stringify(base.body);
      for (let length = 1; length < text.length; length += Math.ceil(text.length / 25)) {
        const reply = await probe(world, route, { ...requestOf(base), body: text.slice(0, length) }, `${length} bytes`);
        expectProblem(reply, 'invalid-json');
      }
      for (const body of [`${text},`, `${text}${text}`, text.replaceAll('"', "'"), Buffer.from([0x7b, 0xff, 0x7d])]) {
        expectProblem(await probe(world, route, { ...requestOf(base), body }, `${body}`), 'invalid-json');
      }
    }
  });

  it.each(WITH_BODY)('is refused by its type or its encoding, at %s', async (route) => {
    const [base] = basesOf(route);
    const body = JSON.stringify(base.body);
    for (const type of ['text/plain', 'application/xml', 'multipart/form-data; boundary=x', 'application/x-pickle']) {
      const request = { ...requestOf(base), headers: { 'content-type': type } };
      const takesParts = type.startsWith('multipart') && TAKES_PARTS.has(route);
      expectProblem(await probe(world, route, request, type), takesParts ? 'bad-request' : 'unsupported-media-type');
    }
    for (const encoding of ['gzip', 'br', 'x']) {
      const request = { ...requestOf(base), body: gzipSync(body), headers: { 'content-encoding': encoding } };
      expectProblem(await probe(world, route, request, encoding), 'unsupported-media-type');
    }
  });

  it.each(WITH_BODY)('takes the last of two equal keys, as JSON.parse does, at %s', async (route) => {
    for (const base of basesOf(route)) {
      const text = JSON.stringify(base.body);
      const [key, value] = Object.entries(base.body)[0];
      const twice = `{${JSON.stringify(key)}:{"wrong":null},${text.slice(1)}`;
      expect((await probe(world, route, { ...requestOf(base), body: twice }, 'two keys')).status).toBeLessThan(300);
      const reversed = `${text.slice(0, -1)},${JSON.stringify(key)}:[null,{"x":${JSON.stringify(value)}}]}`;
      const reply = await probe(world, route, { ...requestOf(base), body: reversed }, 'two keys');
      expect(reply.status, reply.text).toBeGreaterThanOrEqual(400);
    }
  });
});

describe('a path with a wrong parameter', () => {
  const WRONG = ['', ' ', '-a', '...', 'a b', 'a/b', 'é', '💥', '\u0000', 'a\u0000', '\r\n', '__proto__', 'none'];
  const RAW = ['%', '%zz', '%E0%A4', '%00', '%2F', 'a%0Ab', '%ff', 'a;b', '*', ':cell'];
  const LONG = ['x'.repeat(128), 'x'.repeat(129), 'x'.repeat(201), 'x'.repeat(5000)];

  it.each(ROUTES.filter((route) => route.includes(':')))('is refused, at %s', async (route) => {
    const [base] = BASES[route];
    for (const name of Object.keys(base.params ?? {})) {
      for (const [raw, values] of [
        [false, [...WRONG, ...LONG]],
        [true, RAW],
      ] as const) {
        for (const value of values) {
          const request = { ...requestOf(base), params: { ...base.params, [name]: value }, raw };
          const what = `${JSON.stringify(value.slice(0, 80))} as ${name}`;
          const reply = await probe(world, route, request, what);
          expect([400, 404, 405], `${route} with ${what}: ${reply.text.slice(0, 300)}`).toContain(reply.status);
        }
      }
    }
  });
});

describe('a query', () => {
  it.each(ROUTES)('with a parameter that is not known is refused and named, at %s', async (route) => {
    const [base] = BASES[route];
    for (const name of ['unknown', '__proto__', 'constructor', 'Limit', 'id[]', 'ü', '\u0000', 'x'.repeat(1000)]) {
      const request = { ...requestOf(base), query: { ...base.query, [name]: '1' } };
      const reply = await probe(world, route, request, `?${name.slice(0, 80)}`);
      const { errors } = expectProblem(reply, 'invalid-request');
      expect(errors?.map(({ pointer }) => pointer)).toContain(`?${name}`);
    }
  });

  it.each(ROUTES.filter((route) => BASES[route][0].query))(
    'with a wrong value is refused and named, at %s',
    async (route) => {
      const [base] = BASES[route];
      for (const name of Object.keys(base.query ?? {})) {
        const values = ['', ' ', '\u0000', 'null', '{}', '💥', 'a=b&c', '-1', '1e400', 'x'.repeat(5000), "' OR 1=1"];
        for (const value of values) {
          const request = { ...requestOf(base), query: { ...base.query, [name]: value } };
          const reply = await probe(world, route, request, `?${name}=${value.slice(0, 80)}`);
          const { errors } = expectProblem(reply, 'invalid-request');
          expect(errors?.[0].pointer).toBe(`?${name}`);
        }
      }
    },
  );
});

describe('a header', () => {
  const WRONG = {
    'if-match': ['', '1', '"1', '"1" "2"', '"1",2', '*, "1"', '"1", *', ' , ', 'W/1', 'w/"1"', `"${'x'.repeat(5000)}`],
    'idempotency-key': ['', ' ', 'a b', 'x'.repeat(256), 'ü', 'a\tb'],
  };

  it.each(CHANGES)('that no change can be made with is refused and named, at %s', async (route) => {
    const [base] = BASES[route];
    for (const [name, values] of Object.entries(WRONG)) {
      for (const value of values) {
        const reply = await probe(
          world,
          route,
          { ...requestOf(base), headers: { [name]: value } },
          `${name}: ${value}`,
        );
        const { errors } = expectProblem(reply, 'invalid-header');
        expect(errors?.[0].pointer.toLowerCase()).toBe(name);
      }
    }
  });

  const UNEQUAL = ['W/"1"', '"0"', '"-1"', '"1.5"', '"01"', '"99999999999999999999"', '"a", "b"', '""', 'W/"1", "x,1"'];

  it.each(CHANGES)('If-Match with ETags of no version, or weak ones, lets no change be made, at %s', async (route) => {
    const [base] = BASES[route];
    for (const value of UNEQUAL) {
      const request = { ...requestOf(base), headers: { 'if-match': value } };
      expectProblem(await probe(world, route, request, `if-match: ${value}`), 'version-mismatch');
    }
  });

  it.each(ROUTES)('that means nothing here changes nothing, at %s', async (route) => {
    const [base] = BASES[route];
    const headers = {
      authorization: 'Bearer x',
      'x-http-method-override': 'DELETE',
      'x-forwarded-for': "'; DROP TABLE",
      'x-request-id': '\u00ff'.repeat(100),
      range: 'bytes=0-1',
      expect: 'x',
      cookie: 'a=b',
    };
    const reply = await probe(world, route, { ...requestOf(base), headers }, 'odd headers');
    expect(reply.status, reply.text.slice(0, 300)).toBeLessThan(300);
  });
});
