import type { IncomingMessage } from 'node:http';
import websocket from '@fastify/websocket';
import type { FastifyInstance } from 'fastify';
import { SUBPROTOCOL } from '../../schemas/stream.ts';

/** Lets routes be sockets. Call it before any hook that asks for `request.ws`. */
export async function addWebSocket(app: FastifyInstance, maxMessageBytes: number): Promise<void> {
  await app.register(websocket, {
    options: {
      maxPayload: maxMessageBytes,
      // What a step sends hardly shrinks, and each socket would hold a window of 32 KiB.
      perMessageDeflate: false,
      clientTracking: false,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    },
    // The door closes its sockets (door.ts).
    preClose: (done) => done(),
  });
}

/** Only a WebSocket: other clients, such as those that would rather speak h2c, are answered as if they had not asked. */
export function isWebSocketUpgrade({ headers, url }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket' && url?.split('?', 1)[0] === '/v1/stream';
}
