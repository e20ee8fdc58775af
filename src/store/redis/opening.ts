import { StoreOpenError } from '../store-open-error.ts';
import type { RedisClient } from './client.ts';
import { openingProblem, TimeLimitError } from './errors.ts';

/** The clients to open, the name of the server for messages, and the time limit in milliseconds. */
interface Opening {
  readonly clients: readonly RedisClient[];
  readonly shown: string;
  readonly milliseconds: number;
}

/**
 * Connects the clients, then prepares what they are for. If either fails or takes too long, all are disconnected.
 * @throws {StoreOpenError} One line that names the server and the reason.
 */
export async function connectAll<T>(
  { clients, shown, milliseconds }: Opening,
  prepare: () => T | Promise<T>,
): Promise<T> {
  const connect = async () => {
    await Promise.all(clients.map((client) => client.connect()));
    return prepare();
  };
  try {
    return await within(milliseconds, connect());
  } catch (error) {
    for (const client of clients) client.disconnect();
    if (error instanceof StoreOpenError) throw error;
    throw new StoreOpenError(`store ${shown} ${openingProblem(error)}`);
  }
}

/** Without it, the opening would wait forever for a cluster that is down or a server that loads its data. */
async function within<T>(milliseconds: number, opening: Promise<T>): Promise<T> {
  const limit = Promise.withResolvers<never>();
  const message = `it was not ready within ${milliseconds} ms`;
  const timer = setTimeout(() => limit.reject(new TimeLimitError(message)), milliseconds);
  return Promise.race([opening, limit.promise]).finally(() => clearTimeout(timer));
}
