import { resolve } from 'node:path';
import type { Bus, CountedStore } from '../domain/ports.ts';
import { openMemoryStore } from './memory.ts';
import type { ClosingCounter } from './redis/counter.ts';
import type { RedisStoreOptions } from './redis/redis.ts';
import { isRedisUrl, REDIS_FORMS, withoutCredentials } from './redis/url.ts';
import { StoreOpenError } from './store-open-error.ts';

export interface StoreOptions extends RedisStoreOptions {
  /** Whether other processes have the same LMDB directory open; Redis is always shared. */
  readonly shared?: boolean;
}

const FORMS = `memory: (lost at exit) or lmdb:<directory>, e.g. lmdb:./data, or ${REDIS_FORMS}`;

/** Counts for all replicas, if they share the store over the network. */
export async function openRateCounter(
  url: string,
  { certificate }: Pick<StoreOptions, 'certificate'> = {},
): Promise<ClosingCounter | undefined> {
  if (!isRedisUrl(url)) return undefined;
  const { openRedisCounter } = await import('./redis/counter.ts');
  return openRedisCounter(url, certificate);
}

/** Reaches all processes that use the store, if they share it over the network. */
export async function openBus(
  url: string,
  { certificate }: Pick<StoreOptions, 'certificate'> = {},
): Promise<Bus | undefined> {
  if (!isRedisUrl(url)) return undefined;
  const { openRedisBus } = await import('./redis/bus.ts');
  return openRedisBus(url, certificate);
}

/**
 * Opens the store that a URL names: `memory:`; `lmdb:<path>` with a path absolute or relative to the working directory;
 * `redis://`, `rediss://` and the same with `+cluster`. Only the chosen store is loaded.
 * @throws {StoreOpenError} for another form, or when the store cannot be opened
 */
export async function openStore(url: string, options: StoreOptions = {}): Promise<CountedStore> {
  if (url === 'memory:') return openMemoryStore();
  if (url.startsWith('lmdb:') && url.length > 'lmdb:'.length) {
    const { openLmdbStore } = await import('./lmdb/lmdb.ts');
    return openLmdbStore({ directory: resolve(url.slice('lmdb:'.length)), shared: options.shared });
  }
  if (isRedisUrl(url)) {
    const { openRedisStore } = await import('./redis/redis.ts');
    return openRedisStore(url, options);
  }
  throw new StoreOpenError(`store ${JSON.stringify(withoutCredentials(url))} is not of a known form; use ${FORMS}`);
}
