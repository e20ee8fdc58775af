import { AsyncLocalStorage } from 'node:async_hooks';
import { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { TenantLoads } from '../../services/tenants/loads.ts';
import { isOpen } from '../callers/auth.ts';

/** Counts the connections and requests of tenants. */
export type LoadCounts = Pick<TenantLoads, 'request' | 'connect'>;

/**
 * Counts each request of a tenant, and each of its connections until it closes. A connection over the quota is ended. Add it
 * after authentication.
 */
export function countLoads(app: FastifyInstance, loads: LoadCounts): void {
  const holders = new WeakMap<Socket, Set<string>>();
  const carriers = new AsyncLocalStorage<Socket | undefined>();
  app.decorate('carriedBy', <T>(socket: Socket | undefined, work: () => T) => carriers.run(socket, work));
  app.decorate('holdConnection', (own: Socket, tenant: string) => {
    const socket = own instanceof Socket ? own : carriers.getStore();
    if (!socket || socket.destroyed) return;
    const tenants = holders.get(socket) ?? new Set();
    if (tenants.has(tenant)) return;
    const end = loads.connect(tenant);
    holders.set(socket, tenants.add(tenant));
    socket.once('close', end);
  });
  app.decorate('countRequest', (tenant: string, count?: number) => loads.request(tenant, count));
  app.check((request, reply) => {
    const { tenant } = request.identity;
    // A socket that has not authenticated yet belongs to no tenant.
    if (isOpen(request) || tenant === '') return undefined;
    loads.request(tenant);
    try {
      app.holdConnection(request.raw.socket, tenant);
    } catch (problem) {
      reply.header('connection', 'close');
      return problem as Error;
    }
    return undefined;
  });
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts a connection for a tenant, until it is closed. @throws {Problem} quota-exceeded */
    holdConnection: (socket: Socket, tenant: string) => void;
    /** Does what came over a connection that is not of HTTP/1.1: its requests have no socket of their own. */
    carriedBy: <T>(socket: Socket | undefined, work: () => T) => T;
    /** Counts a request of a tenant, or messages that count as one each. */
    countRequest: (tenant: string, count?: number) => void;
  }
}
