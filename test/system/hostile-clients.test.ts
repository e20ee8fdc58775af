import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ServiceProcess, startService } from '../../scripts/tutorial-service.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { until } from '../support/until.ts';
import { parseAnswer, RawConnection, send, service } from './support.ts';

const LINE = 'POST /v1/cells HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';

async function exchange(url: string, bytes: string | Uint8Array, finish = false) {
  const connection = new RawConnection(url).write(bytes);
  if (finish) connection.socket.end();
  const text = await Promise.race([
    connection.ended,
    delay(PATIENCE_MS, undefined, { ref: false }).then(() => expect.fail('no answer and no end')),
  ]);
  return parseAnswer(text);
}

describe('a client that does not speak HTTP/1.1 well', () => {
  let running: ServiceProcess;
  beforeAll(async () => {
    running = await startService({ CELLSTEP_STORE: 'memory:' });
  });
  afterAll(() => running.stop('SIGKILL'));

  const cases: Record<string, [bytes: string | Uint8Array, status: number, code: string]> = {
    'sends garbage': ['GARBAGE\r\n\r\n', 400, 'bad-request'],
    'sends bytes that are not text': [Uint8Array.from({ length: 256 }, (_, i) => 255 - i), 400, 'bad-request'],
    'speaks TLS': [Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3), 400, 'bad-request'],
    'speaks HTTP/2 at once': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'bad-request'],
    'names a method that does not exist': ['BREW / HTTP/1.1\r\nhost: localhost\r\n\r\n', 400, 'bad-request'],
    'names a version that does not exist': ['GET / HTTP/9.9\r\nhost: localhost\r\n\r\n', 400, 'bad-request'],
    'names no host': ['GET /healthz HTTP/1.1\r\n\r\n', 400, 'bad-request'],
    'sends a header without a colon': ['GET / HTTP/1.1\r\nhost: localhost\r\nnonsense\r\n\r\n', 400, 'bad-request'],
    'sends a header with a zero byte': ['GET / HTTP/1.1\r\nhost: localhost\r\na: \0\r\n\r\n', 400, 'bad-request'],
    'sends headers that are too large': [
      `GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`,
      431,
      'headers-too-large',
    ],
    'sends a path that is too large': [
      `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`,
      431,
      'headers-too-large',
    ],
    'sends a length that is not a number': [`${LINE}content-length: ten\r\n\r\n{}`, 400, 'bad-request'],
    'sends a negative length': [`${LINE}content-length: -1\r\n\r\n{}`, 400, 'bad-request'],
    'sends a length beyond all numbers': [`${LINE}content-length: ${'9'.repeat(30)}\r\n\r\n{}`, 400, 'bad-request'],
    'sends two lengths': [`${LINE}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`, 400, 'bad-request'],
    'sends a length and chunks': [
      `${LINE}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      'bad-request',
    ],
    'sends a chunk of no size': [`${LINE}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n`, 400, 'bad-request'],
    'sends a chunk extension without end': [
      `${LINE}transfer-encoding: chunked\r\n\r\n2;${'x'.repeat(20_000)}\r\n{}\r\n`,
      400,
      'bad-request',
    ],
    'announces more than is taken': [
      `${LINE}connection: close\r\ncontent-length: 99999999\r\n\r\n{`,
      413,
      'body-too-large',
    ],
    'sends a path that is not UTF-8': [
      'GET /v1/cells/%ff%fe HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
      400,
      'bad-request',
    ],
    'sends a path with a broken escape': [
      'GET /v1/cells/%zz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
      400,
      'bad-request',
    ],
    'expects what is not done': [
      'GET /healthz HTTP/1.1\r\nhost: localhost\r\nexpect: a miracle\r\nconnection: close\r\n\r\n',
      417,
      'expectation-failed',
    ],
    'asks for a trace': [
      'TRACE /v1/cells HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
      405,
      'method-not-allowed',
    ],
    'asks with QUERY': [
      'QUERY /v1/cells HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
      405,
      'method-not-allowed',
    ],
    'sends an id beyond all ids': [
      `GET /v1/cells/${'x'.repeat(300)} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`,
      400,
      'bad-request',
    ],
  };

  test.each(Object.entries(cases))('%s', async (_name, [bytes, status, code]) => {
    const { url } = running;
    const answer = await exchange(url, bytes);
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatch(/^content-type: application\/problem\+json\r?$/im);
    expect(answer.headers).toMatch(/^connection: close\r?$/im);
    const problem = JSON.parse(answer.body);
    expect(problem).toMatchObject({ type: `/problems/${code}`, status, code });
    expect(problem.request_id).toMatch(/^req_/);
    expect(Object.keys(problem).slice(0, 7)).toEqual([
      'type',
      'title',
      'status',
      'detail',
      'instance',
      'code',
      'request_id',
    ]);
  });

  test('stops sending halfway through a body and hangs up: it is told, or nobody is', async () => {
    const { url } = running;
    const { status } = await exchange(url, `${LINE}content-length: 100\r\n\r\n{"id"`, true);
    expect([400, NaN]).toContain(status);
  });

  test('asks for a tunnel, which ends at once', async () => {
    const { url } = running;
    expect((await exchange(url, 'CONNECT example.com:443 HTTP/1.1\r\nhost: localhost\r\n\r\n')).body).toBe('');
  });

  test('asks for another protocol, and gets HTTP/1.1', async () => {
    const { url } = running;
    const upgrade =
      'GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n';
    expect(await exchange(url, upgrade)).toMatchObject({ status: 200, body: '{"status":"ok"}' });
  });

  test('expects what nobody does, and is told so', async () => {
    const { url } = running;
    const expecting = 'GET /healthz HTTP/1.1\r\nhost: localhost\r\nexpect: tea\r\nconnection: close\r\n\r\n';
    expect((await exchange(url, expecting)).status).toBe(417);
  });

  test('speaks HTTP/1.0, without a host, and is served', async () => {
    const { url } = running;
    expect(await exchange(url, 'GET /healthz HTTP/1.0\r\n\r\n')).toMatchObject({
      status: 200,
      body: '{"status":"ok"}',
    });
  });

  test('sends several requests at once, and gets the answers in order, up to the first garbage', async () => {
    const { url } = running;
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
    const connection = new RawConnection(url).write(`${get('/healthz')}${get('/v1/nothing')}`);
    await until(() => connection.received().includes('/problems/not-found'));
    const text = await connection.write('GARBAGE\r\n\r\n').ended;
    expect([...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status)).toEqual(['200', '404', '400']);
  });

  test('harms nobody else', async () => {
    const { url, child } = running;
    expect((await send(url, '/readyz')).status).toBe(200);
    expect(child.exitCode).toBeNull();
  });
});

describe('a client that is slow', () => {
  test('is told, and hung up on, when its request takes too long', async () => {
    const { url } = await service({ CELLSTEP_REQUEST_SECONDS: '1' });
    const started = Date.now();
    const slow = {
      headers: new RawConnection(url).write('GET /healthz HTTP/1.1\r\nhost:'),
      body: new RawConnection(url).write(`${LINE}content-length: 100\r\n\r\n{"id"`),
      drops: new RawConnection(url).write(`${LINE}content-length: 100\r\n\r\n`),
    };
    const timer = setInterval(() => slow.drops.write(' '), 100);
    const answers = await Promise.all(Object.values(slow).map(({ ended }) => ended));
    clearInterval(timer);
    expect(Date.now() - started).toBeLessThan(PATIENCE_MS);
    for (const answer of answers.map(parseAnswer)) {
      expect(answer.status).toBe(408);
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'request-timeout', status: 408 });
    }
    expect((await send(url, '/readyz')).status).toBe(200);
  });

  test('keeps its connection while it is idle between requests', async () => {
    const { url } = await service({ CELLSTEP_REQUEST_SECONDS: '1' });
    const get = 'GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n';
    const connection = new RawConnection(url).write(get);
    await delay(3_000);
    await connection.write(get.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n')).ended;
    expect(connection.received().match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  });
});
