import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import Fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Account, limitInFlight } from '../../../src/http/admission/in-flight.ts';
import { addIdentities } from '../../../src/http/callers/auth.ts';
import { addChecks } from '../../../src/http/every-request.ts';
import { startApp, type TestApp } from '../../support/app.ts';
import { call, expectProblem, make } from '../../support/call.ts';
import { eventually, until } from '../../support/until.ts';

const MIB = 2 ** 20;

it('refuses requests while too many of the process wait for answers', async () => {
  const app = Fastify();
  addChecks(app);
  addIdentities(app, { closed: false });
  limitInFlight(app, new Account(2 ** 20), 2);
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  app.get('/slow', () => answered.then(() => 'done'));
  app.get('/fast', async () => 'done');
  const slow = [1, 2].map(() => app.inject('/slow').then(({ statusCode }) => statusCode));
  await eventually(async () => expect((await app.inject('/fast')).statusCode).toBe(503));
  expect((await app.inject('/fast')).json().message).toContain('More than 2 requests of this process wait');
  answer();
  expect(await Promise.all(slow)).toEqual([200, 200]);
  expect((await app.inject('/fast')).statusCode).toBe(200);
  await app.close();
});

describe('what all requests hold', () => {
  let app: TestApp;
  let sockets: Socket[] = [];
  beforeEach(async () => {
    app = await startApp({ limits: { maxInFlightBytes: 24 * MIB, maxBodyBytes: 24 * MIB, maxJsonBytes: 24 * MIB } });
    await app.listen({ host: '127.0.0.1', port: 0 });
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    sockets = [];
    await app.close();
  });

  function open(text: string | Buffer): Socket {
    const { port } = app.server.address() as AddressInfo;
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(text));
    socket.on('error', () => undefined);
    sockets.push(socket);
    return socket;
  }

  /** A body of which only a part comes. */
  function stall(bytes: number): Socket {
    const head = `POST /v1/ops/tanh HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${24 * MIB}\r\n\r\n`;
    return open(Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, ' ')]));
  }

  const step = () => call(app, 'POST', '/v1/ops/tanh', { inputs: [[0]] });

  it('is refused where bodies that do not go on hold it all, and free once their connections are over', async () => {
    const stalled = stall(24 * MIB - 10);
    let reply = await step();
    await until(async () => {
      reply = await step();
      return reply.status !== 200;
    });
    expectProblem(reply, 'overloaded', /CELLSTEP_MAX_IN_FLIGHT_BYTES/);
    expect(reply.headers['retry-after']).toBe('1');
    expect((await call(app, 'GET', '/healthz')).status).toBe(200);
    stalled.destroy();
    await until(async () => (await step()).status === 200);
  });

  it('has room for no reply beside those that nobody reads', async () => {
    await make(app, '/v1/variables', { id: 'v', initializer: 'zeros', shape: [5 * 2 ** 19] });
    const path = '/v1/variables/v';
    const accept = 'application/x-safetensors';
    const read = () => call(app, 'GET', path, undefined, { accept });
    // The variable and the reply are counted, and the reply is more than the operating system takes for a client.
    expect((await read()).text.length).toBeGreaterThan(9 * MIB);
    const silent = open(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: ${accept}\r\n\r\n`);
    silent.pause();
    // Until it has its reply: two at once have no room.
    await until(() => app.account.held >= 9 * MIB);
    await eventually(async () => expectProblem(await read(), 'overloaded'));
    silent.destroy();
  });

  it('carries out one request of a connection at a time: those behind it hold nothing', async () => {
    await make(app, '/v1/variables', { id: 'v', initializer: 'zeros', shape: [5 * 2 ** 19] });
    const one = 'GET /v1/variables/v HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-safetensors\r\n\r\n';
    const socket = open(one.repeat(10));
    const pieces: Buffer[] = [];
    let bytes = 0;
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece);
      bytes += piece.length;
    });
    // Together they would be over the account.
    await until(() => bytes >= 10 * 10 * MIB);
    const text = Buffer.concat(pieces).toString('latin1');
    expect(text.match(/HTTP\/1\.1 \d+ /g)).toEqual(Array(10).fill('HTTP/1.1 200 '));
  });

  it('frees what the requests of a connection hold that wait when it ends', async () => {
    await make(app, '/v1/variables', { id: 'v', initializer: 'zeros', shape: [5 * 2 ** 19] });
    const before = app.account.held;
    const socket = open(
      'GET /v1/variables/v HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-safetensors\r\n\r\n'.repeat(15),
    );
    socket.pause();
    await until(() => app.account.held !== before);
    socket.destroy();
    await until(() => app.account.held <= before);
    expect((await step()).status).toBe(200);
  });

  it('refuses the first request that finds sixteen waiting, and ends the connection', async () => {
    const socket = open(`${'GET /v1/ops HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(150)}`);
    let text = '';
    socket.on('data', (piece) => {
      text += piece;
    });
    await new Promise((resolve) => socket.once('end', resolve));
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));
    expect(statuses).toEqual([...Array(17).fill(200), 503]);
    const last = text.slice(text.lastIndexOf('HTTP/1.1'));
    expect(last).toMatch(/\r\nconnection: close\r\n/i);
    expect(last).toContain('Too many requests of this connection wait');
    expect((await step()).status).toBe(200);
  });

  it('reads no requests behind the one that ends the connection', async () => {
    let read = 0;
    app.server.once('connection', ({ parser }: Socket & { parser: { onIncoming: (...args: unknown[]) => number } }) => {
      // Which is called for each request that the parser has read.
      let { onIncoming } = parser;
      Object.defineProperty(parser, 'onIncoming', {
        get: () => {
          read++;
          return onIncoming;
        },
        set: (next) => {
          onIncoming = next;
        },
      });
    });
    const socket = open(`${'GET /v1/ops HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(1_000)}`);
    await new Promise((resolve) => socket.resume().once('end', resolve));
    expect(read).toBeGreaterThan(17);
    expect(read).toBeLessThan(25);
  });

  it('begins each of them in another turn of the event loop', async () => {
    const turns: number[] = [];
    let turn = 0;
    const count = () => {
      turn++;
      immediate = setImmediate(count);
    };
    let immediate = setImmediate(count);
    app.server.on('request', (_request, response) => response.on('close', () => turns.push(turn)));
    const socket = open('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(8));
    socket.resume();
    await eventually(() => expect(turns).toHaveLength(8));
    clearImmediate(immediate);
    expect(new Set(turns).size).toBe(8);
  });

  it('carries out nothing that waits behind a reply which ends the connection', async () => {
    const create = JSON.stringify({ id: 'late', initializer: 'zeros', shape: [1] });
    const head = `POST /v1/variables HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${create.length}\r\n\r\n`;
    const socket = open(`GET /v1/ops HTTP/1.1\r\nHost: localhost\r\nHost: other\r\n\r\n${head}${create}`);
    socket.resume();
    await new Promise((resolve) => socket.once('end', resolve));
    await delay(50);
    expect((await call(app, 'GET', '/v1/variables/late')).status).toBe(404);
  });
});
