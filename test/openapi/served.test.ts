import { gunzipSync } from 'node:zlib';
import { afterAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { startApp } from '../support/app.ts';
import { slowClock } from '../support/slow-clock.ts';

const app = await startApp({ apiKeys: ['k'.repeat(16)] });
afterAll(() => app.close());

it('serves the document as JSON and as YAML, without a key', async () => {
  const json = await app.inject('/openapi.json');
  expect(json.headers['content-type']).toMatch(/^application\/json/);
  expect(json.json()).toMatchObject({ openapi: '3.1.1', info: { title: 'cellstep' }, servers: [{ url: '/' }] });
  const yaml = await app.inject('/openapi.yaml');
  expect(yaml.headers['content-type']).toMatch(/^application\/yaml/);
  expect(parse(yaml.payload)).toEqual(json.json());
});

it('sends the document to one of those that wait for it in each turn of the event loop', async () => {
  slowClock();
  let turn = 0;
  let isOver = false;
  const count = () => {
    turn++;
    if (!isOver) setImmediate(count);
  };
  count();
  const turns = new Set<number>();
  const asked = Array.from({ length: 20 }, () => app.inject('/openapi.json').then(() => turns.add(turn)));
  await Promise.all(asked);
  isOver = true;
  expect(turns.size).toBeGreaterThanOrEqual(18);
});

it('serves Swagger UI under a policy that lets it load from this service alone', async () => {
  for (const url of ['/docs', '/docs/']) {
    const page = await app.inject(url);
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-type']).toMatch(/^text\/html/);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.headers['content-security-policy']).not.toMatch(/https?:|\*/);
    const assets = [...page.payload.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => path);
    expect(assets.length).toBeGreaterThan(4);
    for (const path of assets) {
      const asset = await app.inject(new URL(path, `http://localhost${url}`).pathname);
      expect(asset.statusCode, path).toBe(200);
    }
  }
});

it('gives Swagger UI the same document', async () => {
  const own = await app.inject('/docs/json');
  expect(own.json()).toEqual((await app.inject('/openapi.json')).json());
  // As YAML it is written once, in a thread.
  const yaml = await app.inject('/docs/yaml');
  expect([yaml.statusCode, yaml.headers.location]).toEqual([302, '../openapi.yaml']);
});

it('answers what /docs does not have by problems', async () => {
  expect((await app.inject('/docs/static/none.js')).json()).toMatchObject({ code: 'not-found' });
  const refused = await app.inject({ method: 'POST', url: '/docs' });
  expect(refused.json()).toMatchObject({ code: 'method-not-allowed' });
  expect(refused.headers.allow).toBe('GET, HEAD');
});

it('serves a page to try cells out at /, under a policy that lets nothing else in', async () => {
  const page = await app.inject('/');
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'x-content-type-options': 'nosniff',
  });
  expect(page.headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'");
  expect(page.headers['cache-control']).toBe('no-cache');
  expect(page.payload).not.toMatch(/<script>|style="|\son[a-z]+="/);
  const files = [...page.payload.matchAll(/(?:src|href)="\.\/(playground\/[^"]+)"/g)].map(([, file]) => file);
  expect(files.map((file) => file.slice(file.lastIndexOf('.'))).toSorted()).toEqual(['.css', '.js']);
  for (const file of files) {
    const plain = await app.inject(`/${file}`);
    expect(plain.statusCode).toBe(200);
    expect(plain.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    const zipped = await app.inject({ url: `/${file}`, headers: { 'accept-encoding': 'br, gzip' } });
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(zipped.rawPayload).equals(plain.rawPayload)).toBe(true);
    const refused = await app.inject({ url: `/${file}`, headers: { 'accept-encoding': 'gzip;q=0' } });
    expect(refused.headers['content-encoding']).toBeUndefined();
  }
  for (const file of ['none.js', 'tsconfig.json', '..%2fpackage.json', '__proto__']) {
    expect((await app.inject(`/playground/${file}`)).json()).toMatchObject({ code: 'not-found' });
  }
});
