import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { hangUp, type Pace, throwAway } from '../bodies/unread.ts';

/** Requests of one connection that may wait behind the one that is carried out. */
const MOST_WAITING = 16;

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** What one connection has sent. */
interface Pipeline {
  /** A request whose reply the operating system does not yet have completely. */
  running: boolean;
  /** Bytes received when the last of them was done. If there are more now, another request has begun. */
  seen: number;
  /** How each of those behind it begins. */
  readonly waiting: (() => void)[];
  /** The last answer is decided: what comes after it is thrown away. */
  ended: boolean;
}

/** What Node's parser takes for the end of HTTP on a connection. */
const UPGRADE = 2;

interface HttpSocket extends Socket {
  readonly parser?: { onIncoming: (request: { upgrade?: boolean | null }) => number } | null;
}

/**
 * Carries out the requests of each connection one at a time: replies go out in their order, so those behind the first would
 * only hold memory. They wait before Fastify sees them, which costs a tenth of what it costs after, and each begins in
 * another turn of the event loop. One that finds too many waiting is refused, and ends the connection: what came after it is not
 * carried out, and a client may send it again (RFC 9112, 9.3.2).
 */
export class Pipelines {
  private readonly pipelines = new Map<Socket, Pipeline>();
  private readonly app: FastifyInstance;
  private readonly refuse: Handler;
  private closing = false;

  /** `refuse` answers a request that finds no room, with `Connection: close`. */
  constructor(app: FastifyInstance, refuse: Handler) {
    this.app = app;
    this.refuse = refuse;
    // Over TLS, requests name the inner socket.
    app.server.on(app.initialConfig.https ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.pipelines.set(socket, { running: false, seen: 0, waiting: [], ended: false });
      socket.once('close', () => this.pipelines.delete(socket));
    });
    this.closeWhenDone();
  }

  /** Has a request handled when those before it are answered. */
  enter(request: IncomingMessage, response: ServerResponse, handle: Handler): void {
    const { socket } = request;
    const pipeline = this.pipelines.get(socket);
    if (!pipeline || pipeline.ended) return;
    const begin = () => {
      pipeline.running = true;
      response.on('close', () => this.next(socket, pipeline));
      handle(request, response);
    };
    if (!pipeline.running && pipeline.waiting.length === 0) begin();
    else if (pipeline.waiting.length < MOST_WAITING) pipeline.waiting.push(begin);
    else {
      pipeline.ended = true;
      discard(socket, this.app.thrownAwayPace);
      this.refuse(request, response);
    }
  }

  /** Whether all that has come is answered. */
  isIdle(socket: Socket): boolean {
    const pipeline = this.pipelines.get(socket);
    return !pipeline || !(pipeline.running || pipeline.ended || pipeline.waiting.length > 0);
  }

  /** All that has come on the connection is answered, without having entered. */
  answered(socket: Socket): void {
    const pipeline = this.pipelines.get(socket);
    if (pipeline) pipeline.seen = socket.bytesRead;
  }

  get isClosing(): boolean {
    return this.closing;
  }

  private next(socket: Socket, pipeline: Pipeline): void {
    pipeline.running = false;
    pipeline.seen = socket.bytesRead;
    // The client, or the reply, has ended the connection.
    if (!socket.writable) pipeline.waiting.length = 0;
    if (pipeline.waiting.length > 0) {
      // No other begins meanwhile: it is still in the pipeline.
      setImmediate(() => {
        if (socket.writable) pipeline.waiting.shift()?.();
      });
    } else if (this.closing) closeIfIdle(socket, pipeline);
  }

  /**
   * Lets the service close as soon as its last request is answered, and no sooner. Node's own closing of idle connections
   * has two flaws. It treats a connection as idle while the end of a large reply still waits to be sent, and cuts it off.
   * And it looks only once, so connections that become idle later stay until their keep-alive time is over.
   */
  private closeWhenDone(): void {
    const { app, pipelines } = this;
    app.server.closeIdleConnections = () => {
      for (const [socket, pipeline] of pipelines) closeIfIdle(socket, pipeline);
    };
    app.addHook('preClose', async () => {
      this.closing = true;
    });
    app.beforeSending((_request, reply) => {
      if (this.closing) reply.header('connection', 'close');
      return undefined;
    });
  }
}

function closeIfIdle(socket: Socket, { running, seen, waiting }: Pipeline): void {
  if (!running && waiting.length === 0 && socket.bytesRead === seen) socket.destroySoon();
}

/**
 * Throws away what else has come and comes on a connection that ends after the replies under way. Of what it has, up to 64 KiB of
 * requests, the parser reads one more.
 */
function discard(socket: HttpSocket, pace: Pace): void {
  hangUp(socket, pace);
  if (socket.parser) {
    socket.parser.onIncoming = (request) => {
      request.upgrade = false;
      return UPGRADE;
    };
  }
  throwAway(socket, pace);
}
