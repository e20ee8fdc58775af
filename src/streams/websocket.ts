import type { IncomingMessage } from 'node:http';
import websocket, { type WebSocket } from '@fastify/websocket';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { SUBPROTOCOL } from '../../schemas/stream.ts';
import { Problem } from '../domain/problems.ts';
import { endWithProblem } from '../http/connections/client-errors.ts';
import { requestIdOf } from '../http/observability/request-log.ts';

/** Of one message: enough for one of 16 MiB in fragments of 16 KiB. */
const MOST_FRAGMENTS = 1024;

/** Adds support for WebSocket routes. Call it before any hook that reads `request.ws`. */
export async function addWebSocket(
  app: FastifyInstance,
  { maxMessageBytes, newRequestId }: { readonly maxMessageBytes: number; readonly newRequestId: () => string },
): Promise<void> {
  await app.register(websocket, {
    options: {
      maxPayload: maxMessageBytes,
      // Each takes some hundred bytes beside its own.
      maxFragments: MOST_FRAGMENTS,
      // No compression: steps hardly shrink, and each socket would hold a window of 32 KiB.
      perMessageDeflate: false,
      clientTracking: false,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    },
    errorHandler: fail,
    // The door closes its sockets (door.ts).
    preClose: (done) => done(),
  });
  // A header of the handshake is missing or wrong. By itself, ws would answer with a page that lacks the headers of all replies.
  app.websocketServer.on('wsClientError', ({ message }, socket, request) => {
    const problem = new Problem('bad-request', `This is not a WebSocket handshake: ${message}.`);
    const requestId = requestIdOf(request.headers['x-request-id'], newRequestId);
    app.refused(problem, '');
    endWithProblem(socket, problem, { instance: request.url ?? '', requestId });
  });
}

/** Frames that are wrong, and connections that break, are no faults of the service. After a wrong frame ws has sent why it closes. */
function fail(error: Error, socket: WebSocket, { log }: FastifyRequest): void {
  if ('code' in error) log.info({ err: error }, 'a socket failed');
  else log.error({ err: error }, 'a socket could not be served');
  socket.terminate();
}

/** Only WebSocket upgrades count. Other requests, such as offers of h2c, are answered without an upgrade. */
export function isWebSocketUpgrade({ headers, url }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket' && url?.split('?', 1)[0] === '/v1/stream';
}
