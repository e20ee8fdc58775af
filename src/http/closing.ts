import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

interface Connection {
  /** Requests whose replies the operating system does not yet have completely. */
  running: number;
  /** Bytes received when the last of them was done. If there are more now, another request has begun. */
  seen: number;
}

/**
 * Lets the service close as soon as its last request is answered, and no sooner. Node's own closing of idle connections
 * has two flaws. It treats a connection as idle while the end of a large reply still waits to be sent, and cuts it off.
 * And it looks only once, so connections that become idle later stay until their keep-alive time is over.
 */
export function endConnectionsOnClose(app: FastifyInstance): void {
  const connections = new Map<Socket, Connection>();
  let closing = false;

  // Over TLS, requests name the inner socket.
  app.server.on(app.initialConfig.https ? 'secureConnection' : 'connection', (socket: Socket) => {
    connections.set(socket, { running: 0, seen: 0 });
    socket.once('close', () => connections.delete(socket));
  });
  app.server.on('request', ({ socket }, response) => {
    const connection = connections.get(socket);
    if (!connection) return;
    connection.running++;
    response.on('close', () => {
      connection.running--;
      connection.seen = socket.bytesRead;
      if (closing) closeIfIdle(socket, connection);
    });
  });
  app.server.closeIdleConnections = () => {
    for (const [socket, connection] of connections) closeIfIdle(socket, connection);
  };
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (closing) reply.header('connection', 'close');
    done();
  });
}

function closeIfIdle(socket: Socket, { running, seen }: Connection): void {
  if (running === 0 && socket.bytesRead === seen) socket.destroySoon();
}
