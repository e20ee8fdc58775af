import type { RateCounter } from '../../domain/ports.ts';
import { createClient } from './client.ts';
import { connectAll } from './opening.ts';
import { type ClientCertificate, parseRedisUrl } from './url.ts';

export interface ClosingCounter extends RateCounter {
  close(): void;
}

const TIMEOUT_MILLISECONDS = 1_000;
const OPENING_MILLISECONDS = 3_000;

/** One key, so that it runs in a cluster too. Gives the count and the milliseconds that are left of its window. */
const COUNT_SCRIPT = `
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return { count, redis.call('PTTL', KEYS[1]) }
`;

/**
 * Counts in the Redis of the store, on its own connection, so that a count need not wait behind the values of cells. If the
 * server is away, `count` rejects, and the connection is made again automatically.
 * @throws {StoreOpenError}
 */
export async function openRedisCounter(url: string, certificate?: ClientCertificate): Promise<ClosingCounter> {
  const target = { ...parseRedisUrl(url), ...(certificate && { certificate }) };
  const client = createClient(target, TIMEOUT_MILLISECONDS);
  const opening = { clients: [client], shown: target.shown, milliseconds: OPENING_MILLISECONDS };
  return connectAll(opening, () => ({
    async count(key, milliseconds) {
      const [reply] =
        (await client.commands.pipeline().eval(COUNT_SCRIPT, 1, `cellstep:rate:${key}`, `${milliseconds}`).exec()) ??
        [];
      if (!reply || reply[0]) throw reply?.[0] ?? new Error('the connection to Redis ended');
      const [count, left] = reply[1] as readonly [number, number];
      return { count, left };
    },
    close: () => client.disconnect(),
  }));
}
