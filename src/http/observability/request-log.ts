import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import { isGone, routeOf } from '../every-request.ts';

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
 * Logs one line per request when its reply is sent, or when its client is gone and its outcome is known. The line has the pattern of the route and not the path, so no id or query
 * of a client is logged. Also returns the id of the request as X-Request-Id.
 */
export function logRequests(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, pattern: route.url.replaceAll(/:([a-z_]+)/gi, '{$1}') };
  });
  app.check((request, reply) => {
    reply.header('x-request-id', request.id);
    return undefined;
  });
  app.whenSettled((request, reply) => {
    const route = routePattern(request);
    const level = PROBES.has(route) ? 'debug' : 'info';
    if (isBelow(request.log, level)) return;
    const line = {
      method: request.method,
      route,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 100) / 100,
      ...(isGone(reply) ? { gone: true } : { bytes: bytesOf(reply.getHeader('content-length')) }),
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

type Child = Parameters<FastifyBaseLogger['child']>;

/** What a child is made of. */
interface Make {
  readonly parent: LazyLog;
  readonly bindings: Child[0];
  readonly options: Child[1];
}

/**
 * The same log, but its children become pino's with their first line: at level warn most requests have none. It is for Fastify's
 * `loggerInstance`, as children that a factory makes are checked one by one.
 */
export function lazyLog(log: FastifyBaseLogger): FastifyBaseLogger {
  return new LazyLog(log);
}

class LazyLog implements FastifyBaseLogger {
  private readonly root: FastifyBaseLogger;
  private readonly make: Make | undefined;
  private own: FastifyBaseLogger | undefined;

  constructor(root: FastifyBaseLogger, make?: Make) {
    this.root = root;
    this.make = make;
  }

  get level() {
    return this.root.level;
  }
  child(...[bindings, options]: Child): FastifyBaseLogger {
    return new LazyLog(this.root, { parent: this, bindings, options });
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
    return !isBelow(this.root, level);
  }

  private write(level: Level, line: Line): void {
    if (!isBelow(this.root, level)) this.whole()[level](...line);
  }

  private whole(): FastifyBaseLogger {
    const { make, root } = this;
    this.own ??= make ? make.parent.whole().child(make.bindings, make.options) : root;
    return this.own;
  }
}
