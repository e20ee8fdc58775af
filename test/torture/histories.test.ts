import { afterEach, expect, it } from 'vitest';
import type { Store } from '../../src/domain/ports.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { checkHistories, type Histories } from './histories.ts';
import { startReplicas } from './in-process.ts';
import { chooseSeed } from './random.ts';

let stop = async () => {};
afterEach(() => stop());

async function check(store: Store, options: Pick<Histories, 'seed' | 'size' | 'sessions' | 'patience'>) {
  const replicas = await startReplicas(store);
  stop = replicas.stop;
  return checkHistories({ ...options, urls: () => replicas.urls });
}

it('finds an order for all that three replicas answered, calls that were cut off included', async () => {
  const report = await check(openMemoryStore(), { seed: chooseSeed(), size: 1_500 });
  console.log(JSON.stringify(report));
  expect(report.unknown).toBeGreaterThan(0);
});

it.each<[string, (inner: Store) => Partial<Store>]>([
  [
    'writes whatever is expected',
    (inner) => ({ commit: (writes) => inner.commit(writes.map(({ expect: _, ...write }) => write)) }),
  ],
  [
    'drops one commit in fifty, and says that it made it',
    (inner) => {
      let commits = 0;
      return { commit: async (writes) => (++commits % 50 === 0 ? 'committed' : inner.commit(writes)) };
    },
  ],
  [
    'forgets which keys it was sent',
    (inner) => ({
      commit: (writes) => inner.commit(writes.filter(({ key }) => !key.startsWith('session-keys/'))),
    }),
  ],
  [
    'answers one read in three from before',
    (inner) => {
      const before = new Map<string, Awaited<ReturnType<Store['get']>>>();
      let reads = 0;
      return {
        async get(key) {
          const now = await inner.get(key);
          const old = before.get(key);
          before.set(key, now);
          return key.startsWith('session/') && ++reads % 3 === 0 ? old : now;
        },
      };
    },
  ],
])('finds a store that %s', async (_, lie) => {
  const inner = openMemoryStore();
  const { get, commit, list, check: probe, close } = inner;
  const lying: Store = { get, commit, list, check: probe, close, ...lie(inner) };
  // A session whose parts are of several versions is told to be changing, for ever.
  const told = /calls are explained|is lost|in vain: 409/;
  await expect(check(lying, { seed: 1, size: 1_000, sessions: 8, patience: 20_000 })).rejects.toThrow(told);
});
