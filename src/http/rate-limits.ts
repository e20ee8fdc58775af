import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ANYBODY } from '../domain/identity.ts';
import type { RateCounter } from '../domain/ports.ts';
import { isOpen } from './auth.ts';
import { HttpProblem } from './http-problem.ts';

export interface RateRules {
  /** Requests per second of one client; 0: no limit. */
  readonly perSecond: number;
  /** Counts for all replicas. Without it, each process counts for itself. */
  readonly counter?: RateCounter;
}

const WINDOW_MILLISECONDS = 1_000;
/** Clients that one process counts for, the most recent ones. */
const MAX_CLIENTS = 10_000;

/**
 * Limits the requests per second of one client: a tenant, or an address if the service has no keys. Replies say how many
 * are left, as in draft-ietf-httpapi-ratelimit-headers-10. Add it after authentication. Probes and pages are not counted.
 * If the counter does not answer, nothing is refused: the store next to it then reports the failure.
 */
export async function limitRates(app: FastifyInstance, { perSecond, counter }: RateRules): Promise<void> {
  if (perSecond === 0) return;
  await app.register(rateLimit, {
    global: false,
    max: perSecond,
    timeWindow: WINDOW_MILLISECONDS,
    cache: MAX_CLIENTS,
    keyGenerator: clientOf,
    skipOnError: true,
    ...(counter ? { store: storeOf(counter) } : {}),
  });
  const count = app.createRateLimit();
  app.addHook('onRequest', async (request, reply) => {
    if (isOpen(request)) return;
    const rate = await count(request);
    if (!rate.isAllowed) tell(reply, perSecond, rate);
  });
}

/** @throws {HttpProblem} too-many-requests */
function tell(
  reply: FastifyReply,
  perSecond: number,
  { remaining, ttlInSeconds, isExceeded }: { remaining: number; ttlInSeconds: number; isExceeded: boolean },
): void {
  const seconds = Math.max(1, ttlInSeconds);
  reply.headers({
    'ratelimit-policy': `"requests";q=${perSecond};w=${WINDOW_MILLISECONDS / 1000}`,
    ratelimit: `"requests";r=${remaining};t=${seconds}`,
  });
  if (!isExceeded) return;
  const detail = `More than ${perSecond} requests came in a second (CELLSTEP_RATE_LIMIT). Send the next in ${seconds} s.`;
  throw new HttpProblem('too-many-requests', detail, { 'retry-after': `${seconds}` });
}

/** Whose requests are counted together. */
function clientOf({ identity, ip }: FastifyRequest): string {
  return identity === ANYBODY ? `address:${ip}` : `tenant:${identity.tenant}`;
}

type Counted = (error: Error | null, result?: { current: number; ttl: number }) => void;

/** A store of the plugin. */
function storeOf(counter: RateCounter) {
  return class {
    incr(key: string, counted: Counted, milliseconds: number): void {
      counter.count(key, milliseconds).then(
        ({ count, left }) => counted(null, { current: count, ttl: left }),
        (error) => counted(error),
      );
    }

    child(): this {
      return this;
    }
  };
}
