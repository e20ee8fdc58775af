import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import { routeOf } from './every-request.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route's path as the API writes it: `/v1/cells/{cell}`. */
    pattern?: string;
  }
}

/** Paths that orchestrators and monitoring call every few seconds. They are logged at debug level only. */
const PROBES = new Set(['/healthz', '/readyz', '/metrics']);

/** Request ids that clients may choose: 1 to 128 visible ASCII characters. */
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** The client's X-Request-Id if it is valid, else a new id. */
export function requestIdOf(header: string | string[] | undefined, newId: () => string): string {
  return typeof header === 'string' && REQUEST_ID.test(header) ? header : newId();
}

/**
 * Logs one line per request when its reply is sent. The line has the pattern of the route and not the path, so no id or query
 * of a client is logged. Also returns the id of the request as X-Request-Id.
 */
export function logRequests(app: FastifyInstance): void {
  app.setChildLoggerFactory((log, bindings) => new RequestLog(log, bindings));
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, pattern: route.url.replaceAll(/:([a-z_]+)/gi, '{$1}') };
  });
  app.check((request, reply) => {
    reply.header('x-request-id', request.id);
    return undefined;
  });
  app.whenReplied((request, reply) => {
    const route = routePattern(request);
    const level = PROBES.has(route) ? 'debug' : 'info';
    if (isBelow(request.log, level)) return;
    const line = {
      method: request.method,
      route,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 100) / 100,
      bytes: bytesOf(reply.getHeader('content-length')),
    };
    request.log[level](line, `${request.method} ${route} ${reply.statusCode}`);
  });
}

/** Stands for the pattern of a request that no route matched. */
export const NO_ROUTE = 'none';

/** The pattern of a request's route, such as `/v1/cells/{cell}`. */
export function routePattern(request: FastifyRequest): string {
  return routeOf(request).config?.pattern ?? NO_ROUTE;
}

function bytesOf(contentLength: number | string | string[] | undefined): number | undefined {
  return contentLength === undefined ? undefined : Number(contentLength);
}

type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
type Line = Parameters<FastifyBaseLogger['info']>;

/** Whether a log drops lines of this level, so that they need not be made. */
export function isBelow(log: FastifyBaseLogger & { isLevelEnabled?(level: Level): boolean }, level: Level): boolean {
  return log.isLevelEnabled?.(level) === false;
}

/** The log of one request. pino's logger with its id is made for its first line: most requests have none at level warn. */
class RequestLog implements FastifyBaseLogger {
  private readonly log: FastifyBaseLogger;
  private readonly bindings: Record<string, unknown>;
  private own: FastifyBaseLogger | undefined;

  constructor(log: FastifyBaseLogger, bindings: Record<string, unknown>) {
    this.log = log;
    this.bindings = bindings;
  }

  get level() {
    return this.log.level;
  }
  child(bindings: Record<string, unknown>): FastifyBaseLogger {
    return new RequestLog(this.log, { ...this.bindings, ...bindings });
  }
  trace(...line: Line): void {
    this.write('trace', line);
  }
  debug(...line: Line): void {
    this.write('debug', line);
  }
  info(...line: Line): void {
    this.write('info', line);
  }
  warn(...line: Line): void {
    this.write('warn', line);
  }
  error(...line: Line): void {
    this.write('error', line);
  }
  fatal(...line: Line): void {
    this.write('fatal', line);
  }
  silent(): void {}

  isLevelEnabled(level: Level): boolean {
    return !isBelow(this.log, level);
  }

  private write(level: Level, line: Line): void {
    if (isBelow(this.log, level)) return;
    this.own ??= this.log.child(this.bindings);
    this.own[level](...line);
  }
}
