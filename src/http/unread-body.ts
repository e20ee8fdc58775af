import type { FastifyReply, FastifyRequest } from 'fastify';

/** How long a client that is being refused may still send: closing at once would reset it before it reads the answer. */
export const LINGER_MILLISECONDS = 1_000;

/**
 * Ends the connection after this reply without reading the body of the request, which Node would read to its end to keep
 * the connection.
 */
export function hangUpUnread({ raw, bodyBytes }: FastifyRequest, reply: FastifyReply): void {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = raw.headers;
  if (bodyBytes !== undefined || (length === '0' && coding === undefined)) return;
  const { socket } = raw;
  reply.header('connection', 'close');
  // Node calls it once the reply is sent.
  socket.destroySoon = () => {
    socket.pause();
    socket.end();
    setTimeout(() => socket.destroy(), LINGER_MILLISECONDS).unref();
  };
}
