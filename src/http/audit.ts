import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { routeOf } from './every-request.ts';
import { isBelow } from './request-log.ts';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/**
 * Logs one line for each request that changes stored data or was not allowed to: who, what, which id, and the outcome. The
 * line has no keys, bodies or queries.
 */
export function auditChanges(app: FastifyInstance): void {
  app.whenSettled((request, reply) => {
    const { schema } = routeOf(request);
    if (schema?.operationId === undefined || schema.pure || SAFE.has(request.method)) return;
    if (isBelow(request.log, 'info')) return;
    const { name, tenant } = request.identity;
    const audit = {
      who: name,
      tenant,
      what: schema.operationId,
      ids: idsOf(request, reply),
      outcome: outcomeOf(reply),
    };
    request.log.info({ audit }, 'change');
  });
}

/** The ids in the path, and the path of the new thing. */
function idsOf({ params }: FastifyRequest, reply: FastifyReply): Record<string, unknown> {
  const made = reply.getHeader('location');
  return { ...(params as object), ...(made === undefined ? {} : { made }) };
}

function outcomeOf(reply: FastifyReply): string {
  const { statusCode } = reply;
  if (reply.getHeader('idempotency-replayed') !== undefined) return `replayed ${statusCode}`;
  return `${statusCode < 400 ? 'done' : statusCode === 401 || statusCode === 403 ? 'not let in' : 'refused'} ${statusCode}`;
}

declare module 'fastify' {
  interface FastifySchema {
    readonly pure?: true;
  }
}
