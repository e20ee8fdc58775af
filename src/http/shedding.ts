import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { Problem } from '../domain/problems.ts';
import { type ProblemFormOf, problemDocument } from './problem-replies.ts';
import { requestIdOf } from './request-log.ts';
import { SECURITY_HEADERS } from './security-headers.ts';
import { TurnBudget } from './turn-budget.ts';
import { hangUp, isLarge } from './unread-body.ts';

const RETRY_SECONDS = '1';
/** Names and values by turns: Node writes these without looking at each header. */
const HEADERS = Object.entries({ ...SECURITY_HEADERS, 'retry-after': RETRY_SECONDS }).flat();

export interface Shedding {
  readonly budget?: Pick<TurnBudget, 'admits'>;
  readonly newId: () => string;
  readonly formOf: ProblemFormOf;
  /** Hears of each request that is turned away. */
  readonly shed: (method: string, problem: Problem) => void;
}

/**
 * Turns requests away while more come than the process can carry out (turn-budget.ts): 503 `overloaded`, before anything but
 * the path is looked at, as each refusal takes time from the requests that are let in. Probes and pages are let through.
 */
export function shedRequests(app: FastifyInstance, { budget = new TurnBudget(), newId, formOf, shed }: Shedding): void {
  const open = new Set<string>();
  const problem = new Problem('overloaded', 'More requests come than the service can carry out. Send it again later.');
  app.addHook('onRoute', ({ config, schema, url }) => {
    if ((config?.access ?? schema?.access) === 'open') open.add(url);
  });

  function turnAway(request: IncomingMessage, response: ServerResponse): void {
    const { url = '', method = '', headers, socket } = request;
    const id = requestIdOf(headers['x-request-id'], newId);
    const { mediaType, write } = formOf(url);
    const body = JSON.stringify(write(problemDocument(problem, url, id)));
    const length = `${Buffer.byteLength(body)}`;
    const own = HEADERS.concat('x-request-id', id, 'content-type', mediaType, 'content-length', length);
    if (isLarge(request)) {
      hangUp(socket);
      own.push('connection', 'close');
    }
    response.writeHead(problem.status, own).end(body);
    shed(method, problem);
  }

  app.server.off('request', app.routing);
  app.server.on('request', (request, response) => {
    if (open.has(request.url ?? '') || budget.admits(request.socket.remoteAddress ?? ''))
      app.routing(request, response);
    else turnAway(request, response);
  });
}
