import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { routeOf } from '../every-request.ts';
import { isBelow } from './request-log.ts';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** A change, made or refused. */
export interface AuditedChange {
  /** The operation, as the API's description names it. */
  readonly what: string;
  /** The ids that the request names, and under `made` the path of the new thing. */
  readonly ids: Readonly<Record<string, unknown>>;
  readonly status: number;
  /** The answer is the one of an earlier request. */
  readonly replayed: boolean;
}

/**
 * Logs one line for each request that changes stored data or was not allowed to: who, what, which id, and the outcome. The
 * line has no keys, bodies or queries. A client that goes away before its reply leaves a line too.
 */
export function auditChanges(app: FastifyInstance): void {
  app.whenSettled((request, reply) => {
    if (isAudited(request)) auditReply(request, reply);
  });
}

/** Whether changes that come by this request are logged. */
export function keepsAudit(request: Pick<FastifyRequest, 'log'>): boolean {
  return !isBelow(request.log, 'info');
}

/** Logs a change that came by this request. */
export function logChange(request: FastifyRequest, { what, ids, status, replayed }: AuditedChange): void {
  const { name, tenant } = request.identity;
  const audit = { who: name, tenant, what, ids, outcome: `${wordOf(status, replayed)} ${status}` };
  request.log.info({ audit }, 'change');
}

function isAudited(request: FastifyRequest): boolean {
  const { schema } = routeOf(request);
  return schema?.operationId !== undefined && !schema.pure && !SAFE.has(request.method) && keepsAudit(request);
}

function auditReply(request: FastifyRequest, reply: FastifyReply): void {
  logChange(request, {
    what: routeOf(request).schema?.operationId ?? '',
    ids: idsOf(request, reply),
    status: reply.statusCode,
    replayed: reply.getHeader('idempotency-replayed') !== undefined,
  });
}

/** The ids in the path, and the path of the new thing. */
function idsOf({ params }: FastifyRequest, reply: FastifyReply): Record<string, unknown> {
  const made = reply.getHeader('location');
  return { ...(params as object), ...(made === undefined ? {} : { made }) };
}

function wordOf(status: number, replayed: boolean): string {
  if (replayed) return 'replayed';
  if (status < 400) return 'done';
  return status === 401 || status === 403 ? 'not let in' : 'refused';
}

declare module 'fastify' {
  interface FastifySchema {
    readonly pure?: true;
  }
}
