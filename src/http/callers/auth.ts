import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Gate } from '../../access/gate.ts';
import { ANYBODY, type Identity, NOBODY, type Scope } from '../../domain/identity.ts';
import { Problem } from '../../domain/problems.ts';
import { routeOf } from '../every-request.ts';
import { HttpProblem } from '../http-problem.ts';

/** What a route requires: a scope, or nothing (`open`). Without it, the route is for every known caller. */
export type Access = Scope | 'open';

/** Whether the route answers everybody. */
export function isOpen(request: FastifyRequest): boolean {
  return routeOf(request).config.access === 'open';
}

/** Records what each route requires, and treats a sender as nobody until it says who it is. Call it before any other. */
export function addIdentities(app: FastifyInstance, { closed }: Pick<Gate, 'closed'>): void {
  const first = closed ? NOBODY : ANYBODY;
  app.decorateRequest('identity');
  app.check((request) => {
    request.identity = first;
    return undefined;
  });
  app.addHook('onRoute', (route) => {
    const access = route.config?.access ?? route.schema?.access;
    if (access !== undefined) route.config = { ...route.config, access };
  });
}

/**
 * Accepts requests with `Authorization: Bearer <key or token>` if it has the scope of the route, and sets `request.identity`.
 * Upgrades to WebSocket pass here too.
 */
export function addAuth(app: FastifyInstance, gate: Gate): void {
  app.addHook('onClose', async () => gate.close());
  if (!gate.closed) return;
  app.check((request, reply) => {
    const { access } = routeOf(request).config;
    if (access === 'open') return undefined;
    // A page cannot send the header in the handshake of a socket. Its first message says who it is.
    if (request.ws && request.raw.headers.authorization === undefined) return undefined;
    const admit = (identity: Identity) => {
      request.identity = identity;
      return access === undefined || identity.scopes.has(access) ? undefined : lacking(identity, access);
    };
    const refuse = (problem: Error) => challenged(reply, problem);
    try {
      const found = gate.identify(credentialOf(request));
      return found instanceof Promise ? found.then(admit, refuse) : admit(found);
    } catch (problem) {
      return refuse(problem as Error);
    }
  });
}

/** The key or token that a request has. @throws {Problem} unauthorized */
export function credentialOf({ raw }: Pick<FastifyRequest, 'raw'>): string {
  const [, credential] = /^Bearer ([\x21-\x7e]+)$/i.exec(raw.headers.authorization ?? '') ?? [];
  if (credential === undefined) {
    throw new Problem('unauthorized', 'The request has no Authorization: Bearer <key> header.');
  }
  return credential;
}

/** @throws {Problem} insufficient-scope */
export function requireScope(identity: Identity, scope: Scope): void {
  if (!identity.scopes.has(scope)) throw lacking(identity, scope);
}

function challenged(reply: FastifyReply, problem: Error): Error {
  if (problem instanceof Problem && problem.status === 401) reply.header('www-authenticate', 'Bearer');
  return problem;
}

/** RFC 6750, 3.1. */
function lacking({ name, scopes }: Identity, scope: Scope): Problem {
  const has = scopes.size > 0 ? [...scopes].join(', ') : 'none';
  return new HttpProblem('insufficient-scope', `This needs the scope ${scope}; '${name}' has ${has}.`, {
    'www-authenticate': `Bearer error="insufficient_scope", scope="${scope}"`,
  });
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sent it. */
    identity: Identity;
  }
  interface FastifyContextConfig {
    readonly access?: Access;
  }
  interface FastifySchema {
    readonly access?: Access;
  }
}
