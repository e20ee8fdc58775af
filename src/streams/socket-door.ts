import type { WebSocket } from '@fastify/websocket';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { authMessage, SUBPROTOCOL } from '../../schemas/stream.ts';
import type { Gate } from '../access/gate.ts';
import { Problem } from '../domain/problems.ts';
import { checkShape } from '../http/bodies/validation.ts';
import { credentialOf, requireScope } from '../http/callers/auth.ts';
import { type Callers, clientOf } from '../http/callers/callers.ts';
import { HttpProblem } from '../http/http-problem.ts';
import { type Caller, watchCaller } from './admission.ts';
import { callOf, Messages, type Running } from './carry-out.ts';
import type { MessageHandler } from './message-handler.ts';
import type { MessageReader } from './read-messages.ts';
import { Sender } from './sender.ts';
import { CLOSE, type SocketLimits, SocketLine } from './socket.ts';
import { Subscriptions, type Telling } from './subscriptions.ts';

type Known = Pick<FastifyRequest, 'identity'>;
type Handlers = readonly (readonly [op: string, handler: MessageHandler])[];

/** The handlers of messages, by `op`. */
export interface Offers {
  of(caller: Known): Handlers;
  /** On a socket also subscriptions to changes. */
  watching(caller: Known, subscriptions: Subscriptions, telling: Telling): Handlers;
}

export interface SocketDoorParts {
  readonly offers: Offers;
  readonly running: Running;
  readonly reader: MessageReader;
  readonly gate: Pick<Gate, 'closed' | 'identify' | 'watch'>;
  readonly limits: SocketLimits;
  readonly callers: Callers;
}

/** The time in which a client that sent no key in its handshake must send one. */
const AUTH_MS = 10_000;
/** Of its message with the key: more than the longest token takes. It is read at once, whoever sends it. */
const MOST_AUTH_BYTES = 2 ** 16;

/** Serves the sockets of `GET /v1/stream`. */
export class SocketDoor {
  private readonly app: FastifyInstance;
  private readonly parts: SocketDoorParts;
  private readonly lines = new Set<SocketLine>();

  constructor(app: FastifyInstance, parts: SocketDoorParts) {
    this.app = app;
    this.parts = parts;
  }

  /** @throws {HttpProblem} upgrade-required or bad-request, if a handshake is refused */
  requireHandshake(request: FastifyRequest): void {
    if (!request.ws) {
      const detail = `/v1/stream is a WebSocket. Open it with the subprotocol ${SUBPROTOCOL}.`;
      throw new HttpProblem('upgrade-required', detail, { upgrade: 'websocket', connection: 'upgrade' });
    }
    const offered = `${request.headers['sec-websocket-protocol'] ?? ''}`.split(',').map((name) => name.trim());
    if (offered.includes(SUBPROTOCOL)) return;
    const detail = `Sec-WebSocket-Protocol does not offer ${SUBPROTOCOL}, the subprotocol of this service. Send it.`;
    throw new HttpProblem('bad-request', detail, {});
  }

  open(socket: WebSocket, request: FastifyRequest): void {
    const line = new SocketLine(socket, request.raw.socket, this.app, this.parts.limits);
    this.lines.add(line);
    socket.once('close', () => this.lines.delete(line));
    const { closed } = this.parts.gate;
    if (closed && request.headers.authorization === undefined) {
      this.askWho(line, socket, request);
      return;
    }
    this.serve(line, socket, request);
    if (closed) this.watch(line, socket, { credential: credentialOf(request), identity: request.identity });
  }

  /** Finishes running messages on every socket, then closes the sockets. */
  async close(): Promise<void> {
    await Promise.all([...this.lines].map((line) => line.finish()));
  }

  private serve(line: SocketLine, socket: WebSocket, request: FastifyRequest): void {
    const { identity } = request;
    const subscriptions = new Subscriptions();
    const left = new AbortController();
    socket.once('close', () => {
      subscriptions.end();
      left.abort();
    });
    const { offers, running, reader, callers } = this.parts;
    const watching = offers.watching({ identity }, subscriptions, {
      send: (event) => line.tell(event),
      fail: (err) => {
        request.log.error({ err }, 'An event could not be written.');
        line.close(CLOSE.failed, 'An event could not be written.');
      },
    });
    const handlers = new Map([...offers.of({ identity }), ...watching]);
    const sender = new Sender(request, callers, left.signal);
    line.holdAs(clientOf(request));
    line.serve(new Messages(handlers, identity.tenant, running), reader, callOf(request, sender));
  }

  /** Closes the socket when its key is no longer valid. */
  private watch(line: SocketLine, socket: WebSocket, caller: Caller): void {
    const stop = watchCaller(this.parts.gate, caller, ({ message }) => line.close(CLOSE.violation, message));
    socket.once('close', stop);
  }

  private askWho(line: SocketLine, socket: WebSocket, request: FastifyRequest): void {
    const late = setTimeout(() => line.close(CLOSE.violation, 'No auth message came.'), AUTH_MS);
    socket.once('close', () => clearTimeout(late));
    const early: (readonly [Buffer, boolean])[] = [];
    const keep = (data: Buffer, isFile: boolean) => void early.push([data, isFile]);
    socket.once('message', async (data: Buffer, isFile: boolean) => {
      clearTimeout(late);
      // Later messages have to wait. What came in the same packet is heard in spite of the pause.
      socket.pause();
      socket.on('message', keep);
      try {
        const isAuth = !isFile && data.length <= MOST_AUTH_BYTES;
        const { id, token } = checkShape(authMessage, isAuth ? this.parts.reader.text(data) : undefined);
        const identity = await this.parts.gate.identify(token);
        requireScope(identity, 'step');
        // It has gone meanwhile: nothing would end what begins now.
        if (socket.readyState !== socket.OPEN) return;
        request.identity = identity;
        this.app.holdConnection(request.raw.socket, identity.tenant);
        socket.off('message', keep);
        this.serve(line, socket, request);
        this.watch(line, socket, { credential: token, identity });
        line.send(JSON.stringify({ id, status: 204 }));
        socket.resume();
        for (const [message, file] of early) socket.emit('message', message, file);
      } catch (error) {
        socket.off('message', keep);
        if (error instanceof Problem && error.status === 429) {
          line.close(CLOSE.tryLater, 'This tenant has as many connections as it may have.');
          return;
        }
        line.close(CLOSE.violation, 'The first message is not an auth message with a key that may step.');
      }
    });
  }
}
