import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { isLarge, readAway } from '../bodies/unread.ts';
import { type WholeRequest, wholeRequest } from '../bodies/whole-request.ts';
import { clientAt } from '../callers/callers.ts';
import type { Account } from './in-flight.ts';
import type { Intake } from './intake.ts';
import type { Pipelines } from './pipelines.ts';
import type { Refusals } from './refusals.ts';

/** They are answered in any case, and at once. */
const PROBES = new Set(['/healthz', '/readyz']);

export interface Shedding {
  readonly pipelines: Pick<Pipelines, 'enter' | 'isIdle' | 'answered' | 'isClosing'>;
  readonly refusals: Pick<Refusals, 'answer' | 'write'>;
  /** Counts what has come of the bodies of requests that wait. */
  readonly account: Pick<Account, 'fits' | 'add'>;
  readonly intake: Pick<Intake, 'begin' | 'isFull' | 'isBusy'>;
}

/** A connection whose bytes are looked at. */
interface Watched {
  readonly look: (bytes: Buffer) => void;
  /** The request that Node's parser has made of the last bytes. */
  met?: IncomingMessage;
}

/**
 * Turns requests away while more come than the process can carry out (intake.ts): 503 `overloaded`, before anything but
 * the path is looked at, as each refusal takes time from the requests that are let in. Clients are told apart by their addresses.
 *
 * Once it has refused a request of a connection, it looks at the bytes of that connection before Node's parser does: to make a
 * request and a response of them would take most of the time of a refusal.
 */
export function shedRequests(app: FastifyInstance, { pipelines, refusals, account, intake }: Shedding): void {
  const watched = new WeakMap<Socket, Watched>();
  const isRefused = (url: string, client: string) => !PROBES.has(url) && intake.isFull(client);

  /** Refuses what it can of the bytes that come. Node's parser gets the others. */
  function watch(socket: Socket): void {
    const [parse] = socket.listeners('data') as ((bytes: Buffer) => void)[];
    if (!parse || watched.has(socket)) return;
    const client = clientAt(socket.remoteAddress);
    /** The parser has read the last request to its end, and nothing behind it. */
    let aligned = false;
    const own: Watched = {
      look(bytes) {
        const whole = intake.isBusy && !pipelines.isClosing ? wholeRequest(bytes) : undefined;
        // The answers before it are with the operating system.
        const isNext = aligned && pipelines.isIdle(socket) && socket.writableLength === 0;
        if (whole && isNext && isRefused(whole.url, client)) {
          refusals.write(socket, whole);
          pipelines.answered(socket);
          return;
        }
        own.met = undefined;
        parse(bytes);
        // Half of a request before these bytes would have made another request of them.
        aligned = whole !== undefined && (aligned || isSame(own.met, whole));
      },
    };
    watched.set(socket, own);
    socket.off('data', parse);
    socket.on('data', own.look);
  }
  // Node takes its own listener away, and what comes is no HTTP any more.
  app.server.prependListener('upgrade', (_request, socket) => {
    const own = watched.get(socket as Socket);
    if (own) socket.off('data', own.look);
  });

  app.server.off('request', app.routing);
  app.server.on('request', (request, response) => {
    const { socket } = request;
    const own = watched.get(socket);
    if (own) own.met = request;
    pipelines.enter(request, response, () => {
      if (PROBES.has(request.url ?? '')) return app.routing(request, response);
      const client = clientAt(socket.remoteAddress);
      const bytes = heldBytes(request);
      if (intake.isFull(client) || !account.fits(client, bytes)) {
        if (isLarge(request)) readAway(request, client, app.thrownAwayPace);
        refusals.answer(request, response);
        watch(socket);
        return;
      }
      account.add(client, bytes);
      intake.begin(client, () => {
        // From now on it counts for itself (in-flight.ts).
        account.add(client, -bytes);
        if (!socket.destroyed) app.routing(request, response);
      });
    });
  });
}

/** What Node may read of a body before somebody asks for it. */
function heldBytes({ headers, readableHighWaterMark }: IncomingMessage): number {
  if (headers['transfer-encoding'] !== undefined) return readableHighWaterMark;
  const length = headers['content-length'];
  return length === undefined ? 0 : Math.min(Number(length), readableHighWaterMark);
}

function isSame(met: IncomingMessage | undefined, { method, url, fields }: WholeRequest): boolean {
  return met?.method === method && met.url === url && met.rawHeaders.length === 2 * fields;
}
