import type { FastifyReply, FastifyRequest } from 'fastify';

/** How long a refused client may still send. Closing at once would reset the connection before the client reads the answer. */
export const LINGER_MILLISECONDS = 1_000;

/** Ends the connection after this reply without reading the rest of the body. Node would read it all to keep the connection. */
export function hangUpUnread({ raw, bodyBytes }: FastifyRequest, reply: FastifyReply): void {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = raw.headers;
  if (bodyBytes !== undefined || (length === '0' && coding === undefined)) return;
  const { socket } = raw;
  reply.header('connection', 'close');
  // Node calls this when the reply is sent.
  socket.destroySoon = () => {
    socket.pause();
    socket.end();
    setTimeout(() => socket.destroy(), LINGER_MILLISECONDS).unref();
  };
}
