import { type AddressInfo, connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../../support/app.ts';
import { TUTORIAL_CELL } from '../../support/call.ts';

describe('a service on a socket', () => {
  let app: TestApp;
  let base: string;
  beforeAll(async () => {
    app = await startApp();
    base = await app.listen({ host: '127.0.0.1', port: 0 });
  });
  afterAll(() => app.close());

  /** Sends bytes as they are; the whole answer. */
  function raw(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const { port } = app.server.address() as AddressInfo;
      const socket = connect(port, '127.0.0.1', () => socket.write(text));
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      socket.on('end', () => resolve(answer));
      socket.on('error', reject);
    });
  }

  it('answers the tutorial', async () => {
    const made = await request(base).post('/v1/cells').send(TUTORIAL_CELL).expect(201);
    expect(made.headers.location).toBe('/v1/cells/cell');
    const body = { inputs: [[2]], states: [[[1]]] };
    const stepped = await request(base).post('/v1/cells/cell/steps').send(body).expect(200);
    expect(stepped.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(stepped.body).toEqual({ output: [[6]], states: [[[6]]], cell_version: 2 });
    await request(base).get('/v1/cells/cell').set('If-None-Match', '"2"').expect(304);
    const gone = await request(base).get('/v1/cells/none').expect(404);
    expect(gone.headers['content-type']).toBe('application/problem+json');
  });

  it('keeps a session, and deletes it without a body', async () => {
    await request(base)
      .post('/v1/cells')
      .send({ ...TUTORIAL_CELL, id: 'other' });
    await request(base).post('/v1/sessions').send({ id: 's', cell: 'other' }).expect(201);
    const stepped = await request(base)
      .post('/v1/sessions/s/steps')
      .set('Idempotency-Key', 'one')
      .send({ inputs: [[2]] })
      .expect(200);
    expect(stepped.body.output).toEqual([[5]]);
    const reply = await request(base).delete('/v1/sessions/s').expect(204);
    expect(reply.text).toBe('');
  });

  it('refuses a body that is compressed', async () => {
    const zipped = gzipSync('{"value":1}');
    const reply = await request(base)
      .post('/v1/variables')
      .set('Content-Type', 'application/json')
      .set('Content-Encoding', 'gzip')
      .send(zipped)
      .expect(415);
    expect(reply.body).toMatchObject({ code: 'unsupported-media-type' });
  });

  it('answers what is not HTTP, and headers that are too large, with a problem', async () => {
    const garbage = await raw('hello\r\n\r\n');
    expect(garbage).toMatch(/^HTTP\/1\.1 400 /);
    expect(garbage).toContain('application/problem+json');
    const large = await raw(`GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`);
    expect(large).toMatch(/^HTTP\/1\.1 431 /);
    expect(large).toContain('"code":"headers-too-large"');
    // A client that does not tidy its paths.
    const dots = await raw('GET /v1/cells/.. HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    expect(dots).toMatch(/^HTTP\/1\.1 400 /);
    expect(dots).toContain('"pointer":"{cell}"');
    const path = await raw('GET /v1/cells/%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    expect(path).toMatch(/^HTTP\/1\.1 400 /);
    expect(path).toContain('"code":"bad-request"');
  });
});
