import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server as NetServer, Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { networkOf } from '../callers/network-of.ts';

export interface ConnectionRules {
  /** Connections of one address; 0: as many as it likes. */
  readonly perAddress: number;
  /** In which something of a body has to come, or of a reply has to be taken. */
  readonly stallSeconds: number;
}

/** What Node's server keeps of a connection: the request that comes, and the reply that goes. */
interface HttpSocket extends Socket {
  readonly parser?: { readonly incoming?: IncomingMessage | null } | null;
  readonly _httpMessage?: ServerResponse | null;
}

/**
 * Ends connections that an address has beyond its share, and those on which nothing moves although something should: a body
 * that stops halfway, a reply that is not read. What they held is free at once. A connection whose request is being computed,
 * and a stream on which nobody has anything to say, may be quiet for as long as they like.
 */
export function limitConnections(app: FastifyInstance, { perAddress, stallSeconds }: ConnectionRules): void {
  const milliseconds = stallSeconds * 1000;
  shareConnections(app.server, perAddress);

  // Node tells of a connection on which nothing moved for so long, large writes under way included.
  app.server.setTimeout(milliseconds, (socket: HttpSocket) => {
    const answering = socket._httpMessage;
    const coming = socket.parser?.incoming;
    const isComing = coming !== undefined && coming !== null && !coming.complete && !coming.isPaused();
    const isStream = answering?.headersSent === true && !answering.hasHeader('content-length');
    const isIdle = !answering && !isComing && !socket.parser?.incoming;
    if (socket.writableLength > 0 || isIdle || (isComing && !isStream)) socket.destroy();
    else socket.setTimeout(milliseconds);
  });
}

/** Destroys the connections that one address opens beyond its share of a server; 0: none. */
export function shareConnections(server: NetServer, perAddress: number): void {
  const counts = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = networkOf(socket.remoteAddress);
    const count = (counts.get(address) ?? 0) + 1;
    // Without an answer: nothing of a request is read yet, and over TLS there is nobody to answer.
    if (perAddress > 0 && count > perAddress) return void socket.destroy();
    counts.set(address, count);
    socket.once('close', () => {
      const left = (counts.get(address) ?? 1) - 1;
      if (left > 0) counts.set(address, left);
      else counts.delete(address);
    });
  });
}
