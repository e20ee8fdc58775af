import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { BodyPace } from '../../src/http/body-pace.ts';
import { readAway } from '../../src/http/unread-body.ts';

it('throws a body away, so much in each turn of the event loop, and the connection goes on', async () => {
  const ports = new Set<number | undefined>();
  const thrownAwayPace = BodyPace.ofThrownAway();
  let chunks = 0;
  let turns = 0;
  let over = false;
  const server = createServer((incoming, reply) => {
    ports.add(incoming.socket.remotePort);
    reply.end(`${incoming.url}`);
    if (incoming.url === '/small') return;
    readAway({ raw: incoming, server: { thrownAwayPace }, identity: { tenant: 't' } } as never);
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
  readAway({
    raw: incoming,
    server: { thrownAwayPace: { took: () => undefined } },
    identity: { tenant: 't' },
  } as never);
  const piece = { length: 2 ** 27, byteLength: 2 ** 27, buffer: new ArrayBuffer(0) };
  for (let k = 0; k < 8; k++) incoming.emit('data', piece);
  expect(incoming.socket.destroy).not.toHaveBeenCalled();
  incoming.emit('data', piece);
  expect(incoming.socket.destroy).toHaveBeenCalled();
});
