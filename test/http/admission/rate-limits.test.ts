import { afterEach, describe, expect, it, vi } from 'vitest';
import { StreamClient } from '../../streams/client.ts';
import { startApp, type TestApp } from '../../support/app.ts';
import { call, expectProblem } from '../../support/call.ts';

const KEY = 'a-key-of-this-service';

describe('the limit of requests', () => {
  let app: TestApp;
  afterEach(async () => {
    vi.useRealTimers();
    await app.close();
  });
  const get = (url = '/v1/cells', headers = {}) => call(app, 'GET', url, undefined, headers);

  it('lets so many of a client through in a second, tells how many are left, and refuses the rest', async () => {
    app = await startApp({ rateLimit: 3 });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2030, 0, 1) });
    for (const left of [2, 1, 0]) {
      const { status, headers } = await get();
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        'ratelimit-policy': '"requests";q=3;w=1',
        ratelimit: `"requests";r=${left};t=1`,
      });
    }
    const refused = await get();
    expectProblem(refused, 'too-many-requests', /More than 3 requests/);
    expect(refused.headers).toMatchObject({ 'retry-after': '1', ratelimit: '"requests";r=0;t=1' });
    vi.setSystemTime(Date.UTC(2030, 0, 1, 0, 0, 1));
    expect((await get()).status).toBe(200);
  });

  it('counts requests that are refused for other reasons too, but no probes and pages', async () => {
    app = await startApp({ rateLimit: 2 });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2030, 0, 1) });
    for (let k = 0; k < 5; k++) expect((await get('/healthz')).status).toBe(200);
    expect((await get('/healthz')).headers.ratelimit).toBeUndefined();
    expectProblem(await get('/v1/cells/none'), 'not-found');
    expectProblem(await get('/nothing'), 'not-found');
    expectProblem(await get(), 'too-many-requests');
  });

  it('does not count strangers against those whom it knows', async () => {
    app = await startApp({ rateLimit: 1, apiKeys: [KEY] });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2030, 0, 1) });
    for (let k = 0; k < 3; k++) expectProblem(await get(), 'unauthorized');
    const own = { authorization: `Bearer ${KEY}` };
    expect((await get('/v1/cells', own)).status).toBe(200);
    expectProblem(await get('/v1/cells', own), 'too-many-requests');
  });

  it('counts sockets that have not said who they are for their address', async () => {
    app = await startApp({ rateLimit: 1, apiKeys: [KEY] });
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2030, 0, 1) });
    const open = (localAddress: string) => new StreamClient(url, {}, 'cellstep.v1', { localAddress }).open();
    await open('127.0.0.1');
    await expect(open('127.0.0.1')).rejects.toThrow('429');
    await open('127.0.0.2');
  });

  it('is one limit for all replicas, by a counter that they share', async () => {
    let requests = 0;
    const rateCounter = { count: async () => ({ count: ++requests, left: 700 }) };
    app = await startApp({ rateLimit: 2, rateCounter });
    const other = await startApp({ rateLimit: 2, rateCounter });
    expect((await get()).headers.ratelimit).toBe('"requests";r=1;t=1');
    expect((await call(other, 'GET', '/v1/cells')).headers.ratelimit).toBe('"requests";r=0;t=1');
    expectProblem(await get(), 'too-many-requests');
    await other.close();
  });

  it('refuses nothing while the counter does not answer', async () => {
    const rateCounter = { count: () => Promise.reject(new Error('gone')) };
    app = await startApp({ rateLimit: 1, rateCounter });
    for (let k = 0; k < 3; k++) expect((await get()).status).toBe(200);
  });

  it('is not there unless it is asked for', async () => {
    app = await startApp();
    expect((await get()).headers.ratelimit).toBeUndefined();
  });
});
