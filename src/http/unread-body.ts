import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { giveBack } from './body-bytes.ts';
import { clientOf } from './callers.ts';

/** How long a refused client may still send. Closing at once would reset the connection before the client reads the answer. */
export const LINGER_MILLISECONDS = 1_000;

/** A body of so many bytes Node reads and throws away: that takes less than a new connection. */
const SMALL_BYTES = 2 ** 16;

/** Bytes of a body that are read for the sake of its connection. By then its client has had the reply for long. */
const MOST_READ_AWAY = 2 ** 30;

/** Ends the connection after this reply without reading the rest of the body. Node would read it all to keep the connection. */
export function hangUpUnread({ raw, bodyIsRead }: FastifyRequest, reply: FastifyReply): void {
  if (bodyIsRead || !hasBody(raw)) return;
  reply.header('connection', 'close');
  hangUp(raw.socket);
}

/** The same for a body that is large, or may be. A small one does no harm. */
export function hangUpLarge(request: FastifyRequest, reply: FastifyReply): void {
  if (isLarge(request.raw)) hangUpUnread(request, reply);
}

/** Reads the rest of a body and throws it away. The connection ends where it has no end. */
export function readAway(request: FastifyRequest): void {
  const client = clientOf(request);
  const { raw, server } = request;
  let left = MOST_READ_AWAY;
  raw.on('data', (piece: Buffer) => {
    const { length } = piece;
    left -= length;
    giveBack(piece);
    if (left < 0) raw.socket.destroy();
    else server.thrownAwayPace.took(client, raw, length);
  });
}

/** Node calls `destroySoon` when the reply is sent. */
export function hangUp(socket: Socket): void {
  socket.destroySoon = () => {
    socket.pause();
    socket.end();
    setTimeout(() => socket.destroy(), LINGER_MILLISECONDS).unref();
  };
}

/** More than a few bytes are announced, or none of how many. */
export function isLarge({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > SMALL_BYTES;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}
