import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { clientAt } from '../callers/callers.ts';
import { giveBack } from './bytes.ts';
import type { BodyPace } from './pace.ts';

/** How long a refused client may still send. Closing at once would reset the connection before the client reads the answer. */
export const LINGER_MILLISECONDS = 1_000;

/** A body of so many bytes Node reads and throws away: that takes less than a new connection. */
const SMALL_BYTES = 2 ** 16;

/** Bytes of a body that are read for the sake of its connection. By then its client has had the reply for long. */
const MOST_READ_AWAY = 2 ** 30;

/** For what is thrown away. */
export type Pace = Pick<BodyPace, 'took'>;

/**
 * To be called before a reply is sent: if nobody reads its request's body, what comes of it is read and thrown away, so much in a turn of
 * the event loop. Node would read up to 2 MiB of each connection; and if the connection ended at once, a client that sends everything
 * before it reads would see a broken pipe.
 */
export function leaveUnread(request: FastifyRequest, reply: FastifyReply): undefined {
  const { raw, server } = request;
  if (!isUnread(request) || raw.listenerCount('data') > 0) return;
  const ends = reply.getHeader('connection') === 'close' || !reply.raw.shouldKeepAlive;
  if (ends) hangUp(raw.socket, server.thrownAwayPace);
  else if (isLarge(raw)) readAway(raw, clientAt(request.ip), server.thrownAwayPace);
}

/** Ends the connection after this reply, if there is more of the body to come. */
export function hangUpUnread(request: FastifyRequest, reply: FastifyReply): void {
  if (isUnread(request)) reply.header('connection', 'close');
}

function isUnread({ bodyIsRead, raw }: FastifyRequest): boolean {
  return !bodyIsRead && !raw.complete && hasBody(raw);
}

/** Reads the rest of a body and throws it away. The connection ends where it has no end. To be called before the reply is over. */
export function readAway(request: IncomingMessage, client: string, pace: Pace): void {
  let left = MOST_READ_AWAY;
  request.on('data', (piece: Buffer) => {
    const { length } = piece;
    left -= length;
    giveBack(piece);
    if (left < 0) request.socket.destroy();
    else pace.took(client, request, length);
  });
  // When it has answered, Node throws away at once what nobody has asked it to read. It is asked once all that it has is taken.
  while (request.read() !== null);
}

/** Ends a connection a while after its last reply. Node calls `destroySoon` when that is sent. */
export function hangUp(socket: Socket, pace: Pace): void {
  socket.destroySoon = () => {
    throwAway(socket, pace);
    socket.end();
    setTimeout(() => socket.destroy(), LINGER_MILLISECONDS).unref();
  };
}

/** Throws away what comes on a connection from now on. Node's parser gets no more of it. */
export function throwAway(socket: Socket, pace: Pace): void {
  const client = clientAt(socket.remoteAddress);
  socket.removeAllListeners('data');
  socket.on('data', (piece: Buffer) => {
    const { length } = piece;
    giveBack(piece);
    pace.took(client, socket, length);
  });
}

/** More than a few bytes are announced, or none of how many. */
export function isLarge({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > SMALL_BYTES;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}
