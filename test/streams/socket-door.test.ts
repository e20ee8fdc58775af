import { EventEmitter } from 'node:events';
import type { WebSocket } from '@fastify/websocket';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { expect, it, vi } from 'vitest';
import type { Identity } from '../../src/domain/identity.ts';
import { Account } from '../../src/http/admission/in-flight.ts';
import { SocketDoor, type SocketDoorParts } from '../../src/streams/socket-door.ts';

it.each([
  ['has gone before its token is verified', 3, 0],
  ['is there when its token is verified', 1, 1],
])('serves and watches a client only as long as it is there: one that %s', async (_which, readyState, times) => {
  const verified = Promise.withResolvers<Identity>();
  const watch = vi.fn(() => () => undefined);
  const raw = Object.assign(
    new EventEmitter().on('data', () => undefined),
    { cork: vi.fn(), uncork: vi.fn() },
  );
  const socket = Object.assign(new EventEmitter(), {
    OPEN: 1,
    readyState: 1,
    bufferedAmount: 0,
    _receiver: { _bufferedBytes: 0, _messageLength: 0, _buffers: [], _fragments: [] },
    pause: vi.fn(),
    resume: vi.fn(),
    send: vi.fn(),
  });
  const server = {
    account: new Account(1000),
    intake: { take: (_client: string, begin: () => void) => begin() },
    holdConnection: vi.fn(),
  } as unknown as FastifyInstance;
  const parts = {
    gate: { closed: true, identify: () => verified.promise, watch },
    offers: { of: () => [], watching: () => [] },
    reader: { text: (bytes: Buffer) => JSON.parse(`${bytes}`) },
    limits: { inFlight: 1, maxBytes: 1000, maxUnreadBytes: 1000 },
  } as unknown as SocketDoorParts;
  const request = { server, headers: {}, raw: { socket: raw }, log: { isLevelEnabled: () => false } };
  new SocketDoor(server, parts).open(socket as unknown as WebSocket, request as unknown as FastifyRequest);
  socket.emit('message', Buffer.from('{"op":"auth","token":"a.b.c"}'), false);
  socket.readyState = readyState;
  if (readyState === 3) socket.emit('close');
  verified.resolve({ name: 'a', tenant: 'acme', scopes: new Set(['step']) });
  await new Promise((resolve) => setImmediate(resolve));
  expect([watch, server.holdConnection, socket.send].map((one) => vi.mocked(one).mock.calls.length)).toEqual(
    Array(3).fill(times),
  );
  socket.emit('close');
});
