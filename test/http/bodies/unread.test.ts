import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { BodyPace } from '../../../src/http/bodies/pace.ts';
import { readAway } from '../../../src/http/bodies/unread.ts';
import { startApp, type TestApp } from '../../support/app.ts';

it('throws a body away, so much in each turn of the event loop, and the connection goes on', async () => {
  const ports = new Set<number | undefined>();
  const thrownAwayPace = BodyPace.ofThrownAway();
  let chunks = 0;
  let turns = 0;
  let over = false;
  const server = createServer((incoming, reply) => {
    ports.add(incoming.socket.remotePort);
    if (incoming.url === '/small') return void reply.end('/small');
    readAway(incoming, 't', thrownAwayPace);
    reply.end('/large');
    incoming.on('data', () => chunks++);
    const turn = () => {
      turns++;
      if (!over) setImmediate(turn);
    };
    setImmediate(turn);
    incoming.once('end', () => {
      over = true;
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const send = async (path: string, body: Buffer) => {
    const outgoing = request({ port, host: '127.0.0.1', path, method: 'POST', agent });
    outgoing.end(body);
    const [incoming] = await once(outgoing, 'response');
    let text = '';
    for await (const chunk of incoming) text += chunk;
    return text;
  };
  expect(await send('/large', Buffer.alloc(2 ** 24))).toBe('/large');
  expect(await send('/small', Buffer.alloc(0))).toBe('/small');
  expect(ports.size).toBe(1);
  expect(chunks).toBeGreaterThan(100);
  // Some 64 KiB in each.
  expect(turns).toBeGreaterThanOrEqual(128);
  agent.destroy();
  server.close();
});

it('ends the connection of a body that goes on and on', () => {
  const incoming = Object.assign(new PassThrough(), { socket: { destroy: vi.fn() } });
  readAway(incoming as never, 't', { took: () => undefined });
  const piece = { length: 2 ** 27, byteLength: 2 ** 27, buffer: new ArrayBuffer(0) };
  for (let k = 0; k < 8; k++) incoming.emit('data', piece);
  expect(incoming.socket.destroy).not.toHaveBeenCalled();
  incoming.emit('data', piece);
  expect(incoming.socket.destroy).toHaveBeenCalled();
});

const MIB = 2 ** 20;
const NEXT = 'GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n';

describe('a large body that is answered before it has come', () => {
  let app: TestApp;
  /** The most bytes that a connection has read in one turn of the event loop. */
  let most = 0;

  beforeEach(async () => {
    most = 0;
    app = await startApp();
    app.server.on('request', ({ socket, complete }: IncomingMessage) => {
      let before = socket.bytesRead;
      const turn = () => {
        most = Math.max(most, socket.bytesRead - before);
        before = socket.bytesRead;
        if (!socket.destroyed && !complete) setImmediate(turn);
      };
      setImmediate(turn);
    });
    await app.listen({ host: '127.0.0.1', port: 0 });
  });
  afterEach(() => app.close());

  /** Sends a request and all of its body, and the next request of the connection, and only then reads what was answered. */
  async function answersTo(head: string, bytes: number): Promise<string[]> {
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    socket.write(`${head}\r\nhost: localhost\r\ncontent-length: ${bytes}\r\n\r\n`);
    await new Promise((resolve) => socket.write(Buffer.alloc(bytes), resolve));
    let received = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text;
    });
    socket.write(NEXT);
    const ended = once(socket, 'end');
    const statuses = () => [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    while (statuses().length < 2 && (await Promise.race([ended, delay(5, 'waits')])) === 'waits');
    socket.destroy();
    return statuses();
  }

  it.each([
    ['at an unknown path', 'POST /v1/nothing HTTP/1.1\r\ncontent-type: application/json', '413'],
    ['at a path that cannot be read', 'POST /v1/%zz HTTP/1.1\r\ncontent-type: application/json', '400'],
    ['of a type that is not taken', 'POST /v1/cells HTTP/1.1\r\ncontent-type: text/plain', '415'],
    ['of a request that has none', 'GET /v1/cells HTTP/1.1', '200'],
  ])('is read away in short turns, %s, and the connection goes on', async (_where, head, status) => {
    expect(await answersTo(head, 32 * MIB)).toEqual([status, '200']);
    expect(most).toBeLessThan(MIB);
  });

  it('is read away too when its rest finds no room', async () => {
    let left = 8;
    vi.spyOn(app.account, 'admits').mockImplementation(() => left-- > 0);
    const head = 'POST /v1/cells HTTP/1.1\r\ncontent-type: application/x-keras';
    expect(await answersTo(head, 32 * MIB)).toEqual(['503', '200']);
    expect(most).toBeLessThan(MIB);
  });

  it('is read in short turns for a while if the connection ends with the answer, which is not lost', async () => {
    // It lasts as long as a busy machine needs for all of it.
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const head = 'POST /v1/cells HTTP/1.1\r\nconnection: close\r\ncontent-type: text/plain';
    expect(await answersTo(head, 32 * MIB)).toEqual(['415']);
    expect(most).toBeLessThan(MIB);
  });
});
