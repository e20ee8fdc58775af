import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GatheredMessage, SHORT_CHUNKS } from '../../../src/http/bodies/gathered-message.ts';
import { paceReads } from '../../../src/http/connections/read-pace.ts';
import { eventually } from '../../support/until.ts';

const CONNECTIONS = 300;
const REQUEST = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';

describe('connections that have something to read at once', () => {
  let app: FastifyInstance;
  let opened: Socket[];
  let sockets: Socket[];
  /** How many there were in each turn of the event loop, of those that `count` was called for. */
  let turns: number[];
  let turning: boolean;

  beforeEach(async () => {
    opened = [];
    sockets = [];
    turns = [];
    turning = false;
    app = Fastify({ http: { IncomingMessage: GatheredMessage } });
    paceReads(app);
    app.get('/', async () => 'read');
    app.post('/', async () => 'read');
    app.server.on('connection', (socket: Socket) => opened.push(socket));
    await app.listen({ host: '127.0.0.1', port: 0 });
    await open(CONNECTIONS, '127.0.0.1');
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await app.close();
  });

  async function open(count: number, localAddress: string): Promise<Socket[]> {
    const { port } = app.server.address() as AddressInfo;
    const more = Array.from({ length: count }, () => connect({ port, host: '127.0.0.1', localAddress }));
    sockets.push(...more);
    await Promise.all(more.map((socket) => once(socket, 'connect')));
    await eventually(() => expect(opened).toHaveLength(sockets.length));
    return more;
  }

  function count(): void {
    if (!turning) {
      turning = true;
      turns.push(0);
      setImmediate(() => {
        turning = false;
      });
    }
    turns[turns.length - 1]++;
  }

  const all = () => turns.reduce((sum, one) => sum + one, 0);

  it('are read for fewer requests in a turn where these come behind others, and all are answered', async () => {
    app.server.on('request', count);
    let received = '';
    for (const socket of sockets) socket.on('data', (bytes) => (received += bytes));
    for (const socket of sockets) socket.write(REQUEST.repeat(20));
    await eventually(() => expect(received.match(/HTTP\/1\.1 200/g)).toHaveLength(20 * CONNECTIONS));
    expect(Math.max(...turns)).toBeLessThan(2048 / 4 + 40);
  });

  it('are read for fewer where they end', async () => {
    for (const socket of opened) socket.once('end', count);
    for (const socket of sockets) socket.end();
    await eventually(() => expect(all()).toBe(CONNECTIONS));
    expect(Math.max(...turns)).toBeLessThan(64 + 5);
  });

  it('are read for fewer where bodies come in short pieces', async () => {
    app.server.on('pieces', count);
    const head = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n';
    const pieces = 960;
    for (const socket of sockets) socket.write(`${head}${'1\r\n \r\n'.repeat(pieces)}0\r\n\r\n`);
    await eventually(() => expect(all()).toBe((CONNECTIONS * pieces) / 64));
    // 64 pieces count as 32 requests, and what was read of the last connection is worked on in any case.
    expect(Math.max(...turns)).toBeLessThan(2048 / 32 + pieces / 64 + 5);
  });

  it('are not read for a while after a body in too short chunks', async () => {
    await open(1, '127.0.0.2');
    app.server.on('request', count);
    // Its connection ends.
    app.server.emit('clientError', Object.assign(new Error('too short'), { code: SHORT_CHUNKS }), opened[0]);
    const paused = opened.slice(1).map((socket) => socket.isPaused());
    expect(paused).toEqual([...Array(CONNECTIONS - 1).fill(true), false]);
    await open(1, '127.0.0.1');
    for (const socket of sockets) socket.write(REQUEST);
    await eventually(() => expect(all()).toBe(CONNECTIONS + 1));
  });

  it('are read for fewer where it is no HTTP', async () => {
    app.server.on('clientError', count);
    for (const socket of sockets) socket.write('no HTTP\r\n');
    await eventually(() => expect(all()).toBe(CONNECTIONS));
    expect(Math.max(...turns)).toBeLessThan(64 + 5);
  });

  it('keep no other client waiting', async () => {
    const [other] = await open(1, '127.0.0.2');
    let before = 0;
    app.server.on('request', ({ socket }) => {
      if (socket.remoteAddress === '127.0.0.2') before = turns.length;
      else count();
    });
    for (const socket of sockets) socket.write(REQUEST.repeat(20));
    other.write(REQUEST);
    await eventually(() => expect(all()).toBe(20 * CONNECTIONS));
    expect(before).toBeLessThan(3);
    expect(turns.length).toBeGreaterThan(2);
  });

  it('do not stop one that has become a stream', async () => {
    const upgraded = new Promise<Socket>((resolve) => {
      app.server.once('upgrade', (_request, socket) => resolve(socket as Socket));
    });
    sockets[0].write('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
    const stream = await upgraded;
    stream.resume();
    const pause = vi.spyOn(stream, 'pause');
    app.server.on('request', count);
    for (const socket of sockets.slice(1)) socket.write(REQUEST.repeat(10));
    await eventually(() => expect(all()).toBe(10 * (CONNECTIONS - 1)));
    expect(pause).not.toHaveBeenCalled();
    stream.destroy();
  });
});
