import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RateCounter } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import type { Quotas } from '../../domain/quotas.ts';
import { isOpen } from '../callers/auth.ts';
import { clientOf } from '../callers/callers.ts';

export interface RateRules {
  /** Their `requests_per_second` is for one client. */
  readonly quotasOf: (tenant: string) => Quotas;
  /** Counts for all replicas. Without it, each process counts for itself. */
  readonly counter?: RateCounter;
}

const WINDOW_MILLISECONDS = 1_000;
/** Clients that one process counts for, the most recent ones. */
const MAX_CLIENTS = 10_000;

/**
 * Limits the requests per second of one client: a tenant, or an address if the service has no keys. Replies say how many
 * are left, as in draft-ietf-httpapi-ratelimit-headers-10. A message of a stream counts as a request. Add it after
 * authentication. Probes and pages are not counted.
 * If the counter does not answer, nothing is refused: the store next to it then reports the failure.
 */
export async function limitRates(app: FastifyInstance, { quotasOf, counter }: RateRules): Promise<void> {
  const quotaOf = ({ identity }: FastifyRequest) => quotasOf(identity.tenant).requests_per_second;
  const { default: rateLimit } = await import('@fastify/rate-limit');
  await app.register(rateLimit, {
    global: false,
    max: (request) => quotaOf(request) ?? 0,
    timeWindow: WINDOW_MILLISECONDS,
    cache: MAX_CLIENTS,
    keyGenerator: clientOf,
    skipOnError: true,
    ...(counter ? { store: storeOf(counter) } : {}),
  });
  const count = app.createRateLimit();
  app.check(async (request, reply) => {
    if (isOpen(request) || quotaOf(request) === undefined) return undefined;
    const rate = await count(request);
    if (rate.isAllowed) return undefined;
    reply.headers(headersOf(rate));
    return rate.isExceeded ? exceeded(rate) : undefined;
  });
  app.decorate('isRated', (request: FastifyRequest) => quotaOf(request) !== undefined);
  app.decorate('requireRate', async (request: FastifyRequest) => {
    const rate = await count(request);
    if (!rate.isAllowed && rate.isExceeded) throw exceeded(rate);
  });
}

interface Rate {
  readonly max: number;
  readonly remaining: number;
  readonly ttlInSeconds: number;
  readonly isExceeded: boolean;
}

function headersOf({ max, remaining, ttlInSeconds }: Rate): Record<string, string> {
  return {
    'ratelimit-policy': `"requests";q=${max};w=${WINDOW_MILLISECONDS / 1000}`,
    ratelimit: `"requests";r=${remaining};t=${Math.max(1, ttlInSeconds)}`,
  };
}

function exceeded({ max, ttlInSeconds }: Rate): Problem {
  const seconds = Math.max(1, ttlInSeconds);
  const detail = `More than ${max} requests and messages came in a second (CELLSTEP_RATE_LIMIT, or requests_per_second in the keys file). Send the next in ${seconds} s.`;
  return new Problem('too-many-requests', detail, { retryAfterSeconds: seconds });
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

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the sender of a request has a limit; there only where rates are limited, as is `requireRate`. */
    readonly isRated?: (request: FastifyRequest) => boolean;
    /** Counts a message that came with a request. @throws {Problem} too-many-requests */
    readonly requireRate?: (request: FastifyRequest) => Promise<void>;
  }
}
