import type { FastifyBaseLogger } from 'fastify';
import type { GateRules } from '../../src/access/gate.ts';
import { createApp } from '../../src/app.ts';
import { type Config, readConfig } from '../../src/config.ts';
import type { Limits } from '../../src/domain/limits.ts';
import type { Bus, CountedStore, RateCounter, Store } from '../../src/domain/ports.ts';
import type { Quotas } from '../../src/domain/quotas.ts';
import { NO_USAGE } from '../../src/domain/usage.ts';
import { createHdf5 } from '../../src/files/hdf5/hdf5.ts';
import type { BrowserRules } from '../../src/http/callers/foreign-pages.ts';
import type { Metrics } from '../../src/http/observability/metrics.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { UsageTally } from '../../src/store/usage-tally.ts';

export type TestApp = Awaited<ReturnType<typeof createApp>>;

interface StartOptions {
  /** One that does not count is looked through. */
  readonly store?: Store | CountedStore;
  readonly apiKeys?: readonly string[];
  /** Other ways than keys to say who one is. */
  readonly gate?: Omit<GateRules, 'apiKeys'>;
  readonly logger?: FastifyBaseLogger;
  readonly rateLimit?: number;
  readonly quotas?: Quotas;
  readonly bus?: Bus;
  readonly metrics?: Metrics;
  readonly rateCounter?: RateCounter;
  readonly browsers?: BrowserRules;
  readonly limits?: Partial<Limits>;
  readonly connections?: Pick<Config, 'stallSeconds' | 'connectionsPerAddress'>;
  /** For large work; without them it is computed on the thread of the service. */
  readonly threads?: number;
  readonly clock?: TestClock;
  /** Begins the ids that the service makes, so that two runs over one store do not make the same. */
  readonly run?: string;
}

/** A clock that stands still until a test moves it. */
export class TestClock {
  now = Date.UTC(2030, 0, 1);
}

/** All apps of a test file share its threads, which take 0.2 s to start. */
const HDF5 = createHdf5();
const LIMITS: Limits = readConfig({}).limits;

/** The whole service over a store, with its clock, ids and seeds as data. */
export async function startApp(options: StartOptions = {}): Promise<TestApp> {
  const {
    store = openMemoryStore(),
    apiKeys = [],
    limits = {},
    connections = {},
    clock = new TestClock(),
    run = 'a',
    browsers,
    gate,
    logger,
    rateLimit,
    quotas = {},
    bus,
    metrics,
    rateCounter,
    threads = 0,
  } = options;
  let ids = 0;
  let seeds = 0;
  return createApp({
    store: counting(store),
    config: {
      apiKeys,
      ...gate,
      quotas: { ...(rateLimit ? { requests_per_second: rateLimit } : {}), ...quotas },
      threads,
      ...connections,
      limits: { ...LIMITS, ...limits },
      ...(browsers ? { browsers } : {}),
    },
    hdf5: HDF5,
    ...(logger ? { logger } : {}),
    ...(rateCounter ? { rateCounter } : {}),
    ...(bus ? { bus } : {}),
    ...(metrics ? { metrics } : {}),
    clock: () => clock.now,
    newId: (prefix) => `${prefix}_${run}${String(++ids).padStart(8, '0')}`,
    newSeed: () => ++seeds,
  });
}

function counting(store: Store | CountedStore): CountedStore {
  if ('usageOf' in store) return store;
  const usages = async () => {
    const tally = new UsageTally();
    for (const { key, bytes } of await store.list('', undefined, 100_000)) tally.add(key, undefined, bytes.length);
    return new Map(tally.over(() => undefined));
  };
  return Object.assign(Object.create(store), {
    usages,
    usageOf: async (tenant: string) => (await usages()).get(tenant) ?? NO_USAGE,
    freeBytes: async () => undefined,
  });
}
