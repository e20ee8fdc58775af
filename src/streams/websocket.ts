import type { IncomingMessage } from 'node:http';
import websocket from '@fastify/websocket';
import type { FastifyInstance } from 'fastify';
import { SUBPROTOCOL } from '../../schemas/stream.ts';

/** Adds support for WebSocket routes. Call it before any hook that reads `request.ws`. */
export async function addWebSocket(app: FastifyInstance, maxMessageBytes: number): Promise<void> {
  await app.register(websocket, {
    options: {
      maxPayload: maxMessageBytes,
      // No compression: steps hardly shrink, and each socket would hold a window of 32 KiB.
      perMessageDeflate: false,
      clientTracking: false,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    },
    // The door closes its sockets (door.ts).
    preClose: (done) => done(),
  });
}

/** Only WebSocket upgrades count. Other requests, such as offers of h2c, are answered without an upgrade. */
export function isWebSocketUpgrade({ headers, url }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket' && url?.split('?', 1)[0] === '/v1/stream';
}
