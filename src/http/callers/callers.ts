import { AsyncLocalStorage } from 'node:async_hooks';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Caller, type CurrentCaller, OWN_WORK } from '../../domain/caller.ts';
import { ANYBODY, NOBODY } from '../../domain/identity.ts';
import { nextTurn, type Turn } from '../../threads/in-turns.ts';
import { networkOf } from './network-of.ts';

/** Who the work is done for that runs now, wherever it runs. */
export interface Callers {
  readonly current: CurrentCaller;
  /** Does work for somebody. */
  run<T>(caller: Caller, work: () => T): T;
}

export function createCallers(): Callers {
  const storage = new AsyncLocalStorage<Caller>();
  return {
    current: () => storage.getStore() ?? OWN_WORK,
    run: (caller, work) => storage.run(caller, work),
  };
}

/** From the checks of a request on, all that is done for it has its sender as caller. */
export function addCallers(app: FastifyInstance, callers: Callers): void {
  app.addHook('preHandler', (request, _reply, done) => callers.run(new RequestCaller(request), done));
}

/** Whose requests are counted together: a tenant's, or an address's where the service does not know who a client is. */
export function clientOf({ identity, ip }: Pick<FastifyRequest, 'identity' | 'ip'>): string {
  return identity === ANYBODY || identity === NOBODY ? clientAt(ip) : `tenant:${identity.tenant}`;
}

/** What a client is called before the service knows who it is. */
export function clientAt(address: string | undefined): string {
  return `address:${networkOf(address)}`;
}

/** Waits for the next turn of the client that sent a request: clients take turns. */
export function turnOf(request: FastifyRequest): Turn {
  const client = clientOf(request);
  return () => nextTurn(client);
}

/** Finds out what is asked of it only then: most requests are answered at once. */
export class RequestCaller implements Caller {
  private readonly request: FastifyRequest;

  constructor(request: FastifyRequest) {
    this.request = request;
  }

  get client(): string {
    return clientOf(this.request);
  }

  get signal(): AbortSignal {
    return this.request.leftSignal();
  }

  hold(bytes: number): void {
    const noRoom = this.request.holdBytes(bytes);
    if (noRoom) throw noRoom;
  }

  holdResult(bytes: number): void {
    this.hold(bytes);
    const { held } = this.request;
    if (held) held.result += bytes;
  }
}
