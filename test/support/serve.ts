import { afterEach, beforeEach, describe } from 'vitest';
import { REDIS_SERVER } from '../../scripts/redis-servers.ts';
import type { Store } from '../../src/domain/ports.ts';
import { startApp, type TestApp, TestClock } from './app.ts';
import { STORES, type TestStore, temporaryRedis } from './stores.ts';

/** The service under test, fresh before each test. */
export interface Served {
  app: TestApp;
  store: Store;
  clock: TestClock;
}

/** Runs the tests over every store that the service runs on by itself. */
export function onEveryStore(title: string, tests: (served: Served) => void): void {
  describe.each(STORES)(`${title}, on $name`, ({ open }) => serve(open, tests));
}

/** Runs the tests over a Redis server of their own, where there is one. */
export function onRedis(title: string, tests: (served: Served) => void): void {
  describe.runIf(REDIS_SERVER)(`${title}, on redis`, () => serve(temporaryRedis, tests));
}

/** Runs the tests over the memory store alone, where the store makes no difference. */
export function onMemory(title: string, tests: (served: Served) => void): void {
  describe(title, () => serve(STORES[0].open, tests));
}

function serve(open: () => Promise<TestStore>, tests: (served: Served) => void): void {
  const served = {} as Served;
  let opened: TestStore;
  beforeEach(async () => {
    opened = await open();
    served.store = opened.store;
    served.clock = new TestClock();
    served.app = await startApp({ store: opened.store, clock: served.clock });
  });
  afterEach(async () => {
    await served.app.close();
    await opened.dispose();
  });
  tests(served);
}
