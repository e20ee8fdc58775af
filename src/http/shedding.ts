import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Lines } from './lines.ts';
import type { Refusals } from './refusals.ts';
import { TurnBudget } from './turn-budget.ts';
import { wholeRequest } from './whole-request.ts';

export interface Shedding {
  readonly lines: Pick<Lines, 'enter' | 'isIdle' | 'answered' | 'isClosing'>;
  readonly refusals: Pick<Refusals, 'answer' | 'write'>;
  readonly budget?: Pick<TurnBudget, 'admits' | 'isCrowded'>;
}

/**
 * Turns requests away while more come than the process can carry out (turn-budget.ts): 503 `overloaded`, before anything but
 * the path is looked at, as each refusal takes time from the requests that are let in. Probes and pages are let through.
 *
 * A connection of which one request was refused has its bytes looked at before Node's parser from then on: making a request and
 * a response of them would take most of the time of a refusal.
 */
export function shedRequests(app: FastifyInstance, { lines, refusals, budget = new TurnBudget() }: Shedding): void {
  const open = new Set<string>();
  const watched = new WeakMap<Socket, Watched>();
  app.addHook('onRoute', ({ config, schema, url }) => {
    if ((config?.access ?? schema?.access) === 'open') open.add(url);
  });
  const admits = (url: string, socket: Socket) => open.has(url) || budget.admits(socket.remoteAddress ?? '');

  /** Refuses what it can of the bytes that come. Node's parser gets the others. */
  function watch(socket: Socket): void {
    const [parse] = socket.listeners('data') as ((bytes: Buffer) => void)[];
    if (!parse || watched.has(socket)) return;
    const own: Watched = { aligned: false, admitted: false };
    watched.set(socket, own);
    const look = (bytes: Buffer) => {
      const whole = budget.isCrowded && !lines.isClosing ? wholeRequest(bytes) : undefined;
      // The answers before it are with the operating system.
      const isNext = whole !== undefined && own.aligned && lines.isIdle(socket) && socket.writableLength === 0;
      own.admitted = isNext && admits(whole.url, socket);
      if (isNext && !own.admitted) {
        refusals.write(socket, whole);
        lines.answered(socket);
        return;
      }
      own.met = undefined;
      parse(bytes);
      // Half of a request before these bytes would have made another request of them.
      own.aligned = whole !== undefined && (own.aligned || isSame(own.met, whole));
    };
    own.look = look;
    socket.off('data', parse);
    socket.on('data', look);
  }
  // Node takes its own listener away, and what comes is no HTTP any more.
  app.server.prependListener('upgrade', (_request, socket) => {
    const look = watched.get(socket as Socket)?.look;
    if (look) socket.off('data', look);
  });

  app.server.off('request', app.routing);
  app.server.on('request', (request, response) => {
    const own = watched.get(request.socket);
    if (own) own.met = request;
    const isAdmitted = own?.admitted;
    lines.enter(request, response, () => {
      if (isAdmitted || admits(request.url ?? '', request.socket)) return app.routing(request, response);
      refusals.answer(request, response);
      watch(request.socket);
    });
  });
}

/** A connection whose bytes are looked at. */
interface Watched {
  /** The parser has read the last request to its end, and nothing behind it. */
  aligned: boolean;
  /** What the last bytes hold is let in. */
  admitted: boolean;
  /** The request that it has made of the last bytes. */
  met?: IncomingMessage;
  look?: (bytes: Buffer) => void;
}

function isSame(
  met: IncomingMessage | undefined,
  { method, url, fields }: { method: string; url: string; fields: number },
) {
  return met?.method === method && met.url === url && met.rawHeaders.length === 2 * fields;
}
