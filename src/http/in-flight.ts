import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from '../domain/problems.ts';
import { isOpen } from './auth.ts';
import { hangUpUnread } from './unread-body.ts';

/** Requests of one connection that may wait for answers. A client that pipelines more must read some answers first. */
const MOST_PIPELINED = 64;
/** A reply that is always sent, like a problem. */
const SMALL_BYTES = 2 ** 16;
const RETRY_SECONDS = 1;

/**
 * Counts the bytes that all requests of this process hold: bodies that have come, whole or not, and replies that are not
 * read yet. What is over `maxBytes` is refused with 503 `overloaded` before memory grows; the reply to a change is sent in
 * any case, as the change is made. Whatever a request held is free when its connection or its reply is over. Probes and
 * pages are let through.
 */
export function limitInFlight(app: FastifyInstance, maxBytes: number): { readonly held: () => number } {
  const held = new WeakMap<IncomingMessage, number>();
  const running = new WeakMap<Socket, number>();
  let total = 0;

  function hold(request: IncomingMessage, bytes: number): void {
    total += bytes;
    held.set(request, (held.get(request) ?? 0) + bytes);
  }

  function fits(bytes: number): boolean {
    return total + bytes <= maxBytes;
  }

  app.decorateRequest('holdBytes', function holdBytes(this: FastifyRequest, bytes: number): Problem | undefined {
    if (!fits(bytes)) return overloaded(maxBytes);
    hold(this.raw, bytes);
    return undefined;
  });

  app.addHook('onRequest', (request, reply, done) => {
    const { raw } = request;
    const { socket } = raw;
    const waiting = (running.get(socket) ?? 0) + 1;
    running.set(socket, waiting);
    const end = () => {
      if (!held.has(raw)) return;
      running.set(socket, (running.get(socket) ?? 1) - 1);
      total -= held.get(raw) ?? 0;
      held.delete(raw);
    };
    hold(raw, 0);
    // It is with the operating system, or the client is gone.
    reply.raw.once('finish', end).once('close', end);
    if (isOpen(request) || (waiting <= MOST_PIPELINED && fits(1))) return done();
    hangUpUnread(request, reply);
    done(waiting > MOST_PIPELINED ? pipelined() : overloaded(maxBytes));
  });

  app.addHook('onSend', ({ raw }, _reply, payload, done) => {
    const bytes = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.length : 0;
    const reads = raw.method === 'GET' || raw.method === 'HEAD';
    if (reads && bytes > SMALL_BYTES && !fits(bytes)) return done(overloaded(maxBytes));
    hold(raw, bytes);
    done();
  });
  return { held: () => total };
}

function overloaded(maxBytes: number): Problem {
  const detail = `Requests under way hold nearly ${maxBytes} bytes, in bodies and in replies that are not read yet (CELLSTEP_MAX_IN_FLIGHT_BYTES). Send it again.`;
  return new Problem('overloaded', detail, { retryAfterSeconds: RETRY_SECONDS });
}

function pipelined(): Problem {
  const detail = `More than ${MOST_PIPELINED} requests of this connection wait for an answer. Read some, then send it again.`;
  return new Problem('overloaded', detail, { retryAfterSeconds: RETRY_SECONDS });
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Counts received bytes of a body until the request ends. Returns a problem if there is no room for them. */
    holdBytes: (bytes: number) => Problem | undefined;
  }
}
