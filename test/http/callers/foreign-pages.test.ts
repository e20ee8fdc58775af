import { afterEach, describe, expect, it } from 'vitest';
import type { BrowserRules } from '../../../src/http/callers/foreign-pages.ts';
import { startApp, type TestApp } from '../../support/app.ts';
import { call, expectProblem, type Method } from '../../support/call.ts';

const METHODS: readonly Method[] = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'];

describe('requests of browsers', () => {
  let app: TestApp | undefined;
  afterEach(() => app?.close());

  async function start(browsers: BrowserRules): Promise<TestApp> {
    app = await startApp({ browsers });
    return app;
  }
  const get = (headers: Record<string, string>, url = '/v1/cells') =>
    call(app as TestApp, 'GET', url, undefined, headers);

  it('are served by the names of this machine alone, where nothing but its address protects it', async () => {
    await start({ hosts: 'loopback', corsOrigins: [] });
    for (const host of ['localhost', 'LOCALHOST:8080', '127.0.0.1:1', '127.8.9.1', '[::1]:8080', 'a.localhost:80']) {
      expect((await get({ host })).status, host).toBe(200);
    }
    const others = [
      'evil.example',
      'localhost.evil.example:80',
      '127.0.0.1.nip.io',
      '10.0.0.1',
      'localhost:80:80',
      'a@localhost',
    ];
    for (const host of others) {
      for (const url of ['/v1/cells', '/healthz', '/', '/nothing'])
        expectProblem(await get({ host }, url), 'foreign-host');
    }
  });

  it('are served by the names that the operator allows, and no others', async () => {
    await start({ hosts: ['cells.example', '[::1]'], corsOrigins: [] });
    for (const host of ['cells.example', 'Cells.Example:443', '[::1]:80'])
      expect((await get({ host })).status).toBe(200);
    for (const host of ['localhost', 'x.cells.example']) expectProblem(await get({ host }), 'foreign-host');
  });

  it.each(METHODS)('are refused with %s where they come from a page of another site', async (method) => {
    await start({ hosts: 'any', corsOrigins: [] });
    const host = 'cells.example:8080';
    const foreign: readonly Record<string, string>[] = [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: 'http://cells.example' },
      { origin: 'http://cells.example:8081' },
      { origin: 'http://cells.example:8080.evil.example' },
      { origin: '' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'something-new' },
    ];
    for (const headers of foreign) {
      for (const url of ['/v1/cells', '/v1/sessions/s/reset', '/healthz', '/nothing']) {
        const reply = await call(app as TestApp, method, url, undefined, { host, ...headers });
        expect(reply.status, JSON.stringify(headers)).toBe(403);
        if (method !== 'HEAD') expectProblem(reply, 'foreign-page');
      }
    }
  });

  it('are refused as upgrades to WebSocket too', async () => {
    await start({ hosts: 'loopback', corsOrigins: [] });
    const upgrade = { host: 'localhost', connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
    for (const name of ['origin', 'sec-fetch-site']) {
      expectProblem(await get({ ...upgrade, [name]: 'http://evil.example' }, '/v1/stream'), 'foreign-page');
    }
    expectProblem(await get({ ...upgrade, host: 'evil.example' }, '/v1/stream'), 'foreign-host');
  });

  it('are served where they come from a page of the service itself, or from a person', async () => {
    await start({ hosts: 'any', corsOrigins: [] });
    for (const [host, origin] of [
      ['cells.example:8080', 'http://cells.example:8080'],
      ['cells.example', 'https://cells.example'],
      ['CELLS.example:443', 'https://cells.example'],
      ['[::1]:8080', 'http://[::1]:8080'],
    ]) {
      expect((await get({ host, origin, 'sec-fetch-site': 'same-origin' })).status, origin).toBe(200);
    }
    expect((await get({ host: 'cells.example', 'sec-fetch-site': 'none' })).status).toBe(200);
  });

  it('may follow a link of another site to a page, but to nothing else', async () => {
    await start({ hosts: 'any', corsOrigins: [] });
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    for (const page of ['/', '/docs/', '/problems/not-found']) expect((await get(link, page)).status, page).toBe(200);
    expectProblem(await get(link, '/v1/cells'), 'foreign-page');
    expectProblem(await get({ ...link, 'sec-fetch-dest': 'iframe' }, '/'), 'foreign-page');
  });

  it('get no CORS header unless their origin is configured, letter by letter', async () => {
    await start({ hosts: 'any', corsOrigins: ['https://app.example'] });
    const allowed = await get({ origin: 'https://app.example', 'sec-fetch-site': 'cross-site' });
    expect(allowed.status).toBe(200);
    expect(allowed.headers).toMatchObject({ 'access-control-allow-origin': 'https://app.example', vary: 'Origin' });
    expect(allowed.headers['access-control-expose-headers']).toContain('ETag');
    expect(allowed.headers['access-control-allow-credentials']).toBeUndefined();
    for (const origin of [
      'https://app.example.evil',
      'http://app.example',
      'https://APP.example',
      'https://app.example:444',
    ]) {
      const refused = await get({ origin });
      expectProblem(refused, 'foreign-page');
      expect(refused.headers['access-control-allow-origin']).toBeUndefined();
    }
    const own = await get({});
    expect(own.headers['access-control-allow-origin']).toBeUndefined();
    expect(own.headers.vary).toBe('Origin');
  });

  it('may ask what they may send, where their origin is configured', async () => {
    await start({ hosts: 'any', corsOrigins: ['https://app.example'] });
    const ask = (origin: string) =>
      call(app as TestApp, 'OPTIONS', '/v1/cells', undefined, { origin, 'access-control-request-method': 'POST' });
    const reply = await ask('https://app.example');
    expect(reply.status).toBe(204);
    expect(reply.headers['access-control-allow-methods']).toBe('GET, HEAD, POST, PUT, DELETE');
    expect(reply.headers['access-control-allow-headers']).toContain('Idempotency-Key');
    expectProblem(await ask('https://evil.example'), 'foreign-page');
  });
});

describe('the headers of a reply', () => {
  it('are the same safe ones on success, refusal, a missing path and a malformed one', async () => {
    const app = await startApp();
    const replies = [
      await call(app, 'GET', '/v1/cells'),
      await call(app, 'POST', '/v1/cells', '{'),
      await call(app, 'GET', '/nothing'),
      await call(app, 'PUT', '/v1/cells'),
      await call(app, 'GET', '/v1/cells/%zz'),
      await call(app, 'GET', '/v1/cells', undefined, { host: 'evil.example' }),
    ];
    for (const { headers } of replies) {
      expect(headers).toMatchObject({
        'content-security-policy': "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
        'cross-origin-opener-policy': 'same-origin',
        'strict-transport-security': 'max-age=31536000',
        'cache-control': 'no-store',
      });
    }
    await app.close();
  });

  it('let each page do what it needs, and nothing else', async () => {
    const app = await startApp();
    for (const page of ['/', '/docs/', '/problems/not-found']) {
      const { status, headers } = await call(app, 'GET', page);
      expect(status, page).toBe(200);
      const policy = String(headers['content-security-policy']);
      expect(policy, page).toMatch(/^default-src 'none'; /);
      expect(policy, page).toContain("frame-ancestors 'none'");
      expect(policy, page).not.toMatch(/unsafe-eval|script-src[^;]*'unsafe|\*/);
      expect(headers['x-content-type-options'], page).toBe('nosniff');
    }
    await app.close();
  });
});
