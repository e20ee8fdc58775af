import { describe, expect, it } from 'vitest';
import { PROBLEMS } from '../../src/domain/problems.ts';
import { startApp } from '../support/app.ts';
import { call, expectProblem, make, TUTORIAL_CELL } from '../support/call.ts';
import { onEveryStore, onMemory } from '../support/serve.ts';

onEveryStore('the service', (served) => {
  it('is alive and ready', async () => {
    const { app } = served;
    expect(await call(app, 'GET', '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect(await call(app, 'GET', '/readyz')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });
});

onMemory('the service', (served) => {
  it('has a page on every problem', async () => {
    const { app } = served;
    for (const [code, { title, help }] of Object.entries(PROBLEMS)) {
      const page = await call(app, 'GET', `/problems/${code}`);
      expect(page.status).toBe(200);
      expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
      expect(page.text).toContain(title);
      expect(page.text.replaceAll('&lt;', '<').replaceAll('&amp;', '&')).toContain(help);
    }
    expectProblem(await call(app, 'GET', '/problems/nope'), 'not-found', /'nope'/);
    expectProblem(await call(app, 'GET', '/problems/toString'), 'not-found');
  });

  it('answers 404 to a path that it does not have', async () => {
    const { app } = served;
    for (const url of ['/v1', '/v1/cell', '/v3/nope', '/v1/cells/a/b/c/d', '//v1/cells', '/V1/cells']) {
      const { detail } = expectProblem(await call(app, 'GET', url), 'not-found');
      expect(detail).toContain(url);
    }
    expect((await call(app, 'HEAD', '/v1/nope')).text).toBe('');
  });

  it('answers 405 with Allow to a method that a path does not take', async () => {
    const { app } = served;
    const allowed = {
      '/v1/cells': 'GET, HEAD, POST',
      '/v1/cells/cell': 'GET, HEAD, DELETE',
      '/v1/cells/cell/weights': 'GET, HEAD, PUT',
      '/v1/cells/cell/steps': 'POST',
      '/v1/cells/cell/variables/kernel': 'GET, HEAD, PUT',
      '/v1/variables/v': 'GET, HEAD, PUT, DELETE',
      '/v1/variables/v/assign_add': 'POST',
      '/v1/ops/tanh': 'POST',
      '/v1/checkpoints/c/content': 'GET, HEAD',
      '/healthz': 'GET, HEAD',
    };
    for (const [url, allow] of Object.entries(allowed)) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
        if (allow.split(', ').includes(method)) continue;
        // Whatever its body is.
        const reply = await call(app, method, url, method === 'GET' ? undefined : '{', { 'content-type': 'text/x' });
        expectProblem(reply, 'method-not-allowed', new RegExp(method));
        expect(reply.headers.allow).toBe(allow);
      }
    }
  });

  it('answers 415 to a body that is not JSON, also where files are taken elsewhere', async () => {
    const { app } = served;
    await make(app, '/v1/cells', TUTORIAL_CELL);
    const types = ['text/plain', 'application/x-www-form-urlencoded', 'application/x-npz', 'application/jsonx', 'x'];
    for (const type of types) {
      const reply = await call(app, 'POST', '/v1/variables', '{"value":1}', { 'content-type': type });
      expectProblem(reply, 'unsupported-media-type', /application\/json/);
    }
    for (const type of [...types, 'application/x-safetensors']) {
      const reply = await call(app, 'POST', '/v1/cells/cell/build', '{"input_shape":[null,1]}', {
        'content-type': type,
      });
      expectProblem(reply, 'unsupported-media-type', /application\/json/);
    }
    const zipped = await call(app, 'POST', '/v1/variables', '{"value":1}', { 'content-encoding': 'gzip' });
    expectProblem(zipped, 'unsupported-media-type', /'gzip'/);
    const plain = await call(app, 'POST', '/v1/variables', '{"value":1}', {
      'content-type': 'application/json; charset=utf-8',
      'content-encoding': 'identity',
    });
    expect(plain.status).toBe(201);
    const untyped = await app.inject({ method: 'POST', url: '/v1/variables', payload: Buffer.from('{"value":1}') });
    expect(untyped.statusCode).toBe(415);
  });

  it('answers HEAD as GET, without a body', async () => {
    const { app } = served;
    await make(app, '/v1/cells', TUTORIAL_CELL);
    const head = await call(app, 'HEAD', '/v1/cells/cell');
    expect(head).toMatchObject({ status: 200, text: '' });
    expect(head.headers.etag).toBe('"1"');
  });

  it('refuses a limit that is not plain digits', async () => {
    const { app } = served;
    for (const kind of ['cells', 'variables', 'sessions', 'checkpoints']) {
      for (const limit of ['0', '-1', '1001', '1.5', '0x10', '1e2', '%20', '', 'NaN', '5&limit=6', '01']) {
        const reply = await call(app, 'GET', `/v1/${kind}?limit=${limit}`);
        expect(expectProblem(reply, 'invalid-request').errors?.[0].pointer).toBe('?limit');
      }
      expect((await call(app, 'GET', `/v1/${kind}?limit=1000`)).status).toBe(200);
      const unknown = await call(app, 'GET', `/v1/${kind}?offset=1`);
      expect(expectProblem(unknown, 'invalid-request').errors?.[0].pointer).toBe('?offset');
    }
  });
});

describe('a service with a small limit', () => {
  it('answers 413 to a larger body, on every route with a body', async () => {
    const app = await startApp({ limits: { maxBodyBytes: 2000, maxCheckpointBytes: 4000 } });
    await make(app, '/v1/cells', TUTORIAL_CELL);
    const large = `{"value":[${Array(1500).fill('1').join(',')}]}`;
    const routes = ['/v1/variables', '/v1/cells', '/v1/cells/cell/steps', '/v1/ops/tanh', '/v1/sessions'];
    for (const url of routes) expectProblem(await call(app, 'POST', url, large), 'body-too-large', /2000 bytes/);
    const file = Buffer.alloc(4001);
    const type = { 'content-type': 'application/x-safetensors' };
    expectProblem(await call(app, 'POST', '/v1/checkpoints', file, type), 'body-too-large', /4000 bytes/);
    await app.close();
  });

  it('answers 422 to a checkpoint that would be too large', async () => {
    const app = await startApp({ limits: { maxCheckpointBytes: 2000 } });
    await make(app, '/v1/variables', { id: 'v', initializer: 'ones', shape: [1000] });
    expectProblem(
      await call(app, 'POST', '/v1/checkpoints', { all: true }),
      'limit-exceeded',
      /over the limit of 2000/,
    );
    expect((await call(app, 'GET', '/v1/checkpoints')).body.items).toEqual([]);
    await app.close();
  });
});

describe('a service with API keys', () => {
  const apiKeys = ['first-key-of-16-chars', 'second-key-of-16-chars'];

  it('answers 401 without one of them, on every path but the open ones', async () => {
    const app = await startApp({ apiKeys });
    const bad = [undefined, 'Bearer', 'Bearer wrong-key-of-16-chars', 'Basic Zmlyc3Q6a2V5', `Bearer  ${apiKeys[0]}`];
    for (const authorization of [...bad, apiKeys[0], `Bearer ${apiKeys[0]}x`]) {
      for (const url of ['/v1/cells', '/v1/nope', '/v1/cells/a%zz', '/healthzz', '/docs-of-mine', '/%76%31/cells']) {
        const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
        const reply = await call(app, 'GET', url, undefined, headers);
        if (url.includes('%zz')) {
          expectProblem(reply, 'bad-request');
          continue;
        }
        expectProblem(reply, 'unauthorized');
        expect(reply.headers['www-authenticate']).toBe('Bearer');
        for (const key of apiKeys) expect(reply.text).not.toContain(key);
      }
    }
    await app.close();
  });

  it('lets in each of them, and anybody to the open paths', async () => {
    const app = await startApp({ apiKeys });
    for (const key of apiKeys) {
      const headers = { authorization: `Bearer ${key}` };
      expect((await call(app, 'GET', '/v1/cells', undefined, headers)).status).toBe(200);
      expect((await call(app, 'GET', '/v1/cells', undefined, { authorization: `bearer ${key}` })).status).toBe(200);
    }
    for (const url of ['/healthz', '/readyz', '/readyz?', '/problems/not-found']) {
      expect((await call(app, 'GET', url)).status).toBe(200);
    }
    await app.close();
  });

  it('refuses before the body is read, and changes nothing', async () => {
    const app = await startApp({ apiKeys });
    expectProblem(await call(app, 'POST', '/v1/cells', '{'), 'unauthorized');
    expectProblem(await call(app, 'POST', '/v1/cells', TUTORIAL_CELL), 'unauthorized');
    const headers = { authorization: `Bearer ${apiKeys[0]}` };
    expect((await call(app, 'GET', '/v1/cells', undefined, headers)).body.items).toEqual([]);
    await app.close();
  });
});
