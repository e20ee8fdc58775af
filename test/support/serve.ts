import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { REDIS_SERVER } from '../../scripts/redis-servers.ts';
import type { Store } from '../../src/domain/ports.ts';
import { startApp, type TestApp, TestClock } from './app.ts';
import { STORES, type TestStore, temporaryRedis } from './stores.ts';

/** The service under test, empty before each test. */
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

/** One app over memory for all tests of a file, with nothing in it before each of them. */
export function sharedApp(): Served {
  const served = {} as Served;
  share(served, STORES[0].open);
  return served;
}

function serve(open: () => Promise<TestStore>, tests: (served: Served) => void): void {
  const served = {} as Served;
  share(served, open);
  tests(served);
}

/** One app for all tests, on a store that is emptied before each of them: both take longer to open than most tests to run. */
function share(served: Served, open: () => Promise<TestStore>): void {
  let opened: TestStore;
  beforeAll(async () => {
    opened = await open();
    served.store = opened.store;
    served.clock = new TestClock();
    served.app = await startApp({ store: opened.store, clock: served.clock });
  });
  beforeEach(async () => {
    await clear(served.store);
    served.clock.now = new TestClock().now;
  });
  afterAll(async () => {
    await served.app.close();
    await opened.dispose();
  });
}

async function clear(store: Store): Promise<void> {
  for (
    let left = await store.list('', undefined, 1000);
    left.length > 0;
    left = await store.list('', undefined, 1000)
  ) {
    for (const { key } of left) await store.commit([{ key, delete: true }]);
  }
}
