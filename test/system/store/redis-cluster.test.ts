import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  addReplica,
  REDIS_SERVER,
  type RedisProcess,
  startCluster,
  startRedis,
} from '../../../scripts/redis-servers.ts';
import type { Store } from '../../../src/domain/ports.ts';
import { openRedisStore, type RedisStoreOptions } from '../../../src/store/redis/redis.ts';
import { BOUND, bytes, expectUnavailable, put, recovered, TIMEOUT } from './redis-expectations.ts';

/** In all buckets' thirds. */
const keys = Array.from({ length: 40 }, (_, n) => `cell/${n}`);

describe.runIf(REDIS_SERVER)('the Redis store on several servers', () => {
  let servers: RedisProcess[];
  let stores: Store[];
  beforeEach(() => {
    servers = [];
    stores = [];
  });
  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await Promise.all(servers.map((server) => server.remove()));
  });

  async function start(...settings: string[]): Promise<RedisProcess> {
    const server = await startRedis(...settings);
    servers.push(server);
    return server;
  }

  async function open(url: string, options: RedisStoreOptions = {}): Promise<Store> {
    const store = await openRedisStore(url, { timeoutMilliseconds: TIMEOUT, ...options });
    stores.push(store);
    return store;
  }

  it('acknowledges commits that the replicas have, and answers 503 for others', async () => {
    const [primary, replica] = await Promise.all([start('--repl-diskless-sync-delay', '0'), start()]);
    await replica.admin.replicaof('127.0.0.1', primary.port);
    const linked = async () => (await primary.admin.info('replication')).includes('state=online');
    await expect.poll(linked, { interval: 20 }).toBe(true);
    const store = await open(primary.url, { waitReplicas: 1 });
    await recovered(store);
    await Promise.all(Array.from({ length: 50 }, (_, n) => put(store, `cell/${n}`)));
    expect(await replica.admin.exists('cellstep:{00}:format')).toBe(1);
    await put(store, 'cell/a');
    expect((await replica.admin.keys('cellstep:*:cell/a')).length).toBe(1);
    await expect(store.check()).resolves.toBeUndefined();

    replica.signal('SIGSTOP');
    await primary.admin.script('FLUSH');
    const [message] = await expectUnavailable(store, [store.commit([{ key: 'cell/b', expect: null, bytes }])]);
    expect(message).toBe('The store failed: 0 of 1 replicas confirmed the change within 333 ms.');
    expect(await store.commit([{ key: 'cell/a', expect: null, bytes }])).toBe('conflict');
    expect(await store.get('cell/a')).toBeDefined();
    // What was committed all the same can be confirmed only when the replica has it.
    const { revision } = (await store.get('cell/b'))!;
    const confirm = () => store.commit([{ key: 'cell/b', expect: revision }]);
    await expectUnavailable(store, [confirm()]);
    replica.signal('SIGCONT');
    await recovered(store);
    expect(await confirm()).toBe('committed');
    expect(await store.get('cell/b')).toMatchObject({ revision });
    await put(store, 'cell/c');
  });

  it('answers 503 for the keys of a hanging node, and serves the keys of the others', async () => {
    servers = await startCluster('--cluster-require-full-coverage', 'no');
    const store = await open(`redis+cluster://127.0.0.1:${servers[0].port},127.0.0.1:${servers[1].port}`);
    await Promise.all(keys.map((key) => put(store, key)));
    servers[1].signal('SIGSTOP');
    for (let round = 0; round < 2; round++) {
      const from = performance.now();
      const outcomes = await Promise.allSettled(keys.map((key) => store.commit([{ key, bytes }])));
      expect(performance.now() - from).toBeLessThan(BOUND);
      const failures = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(failures.length).toBeGreaterThan(0);
      expect(failures.length).toBeLessThan(keys.length);
      for (const { reason } of failures) expect(reason.code).toBe('store-unavailable');
    }
    await expectUnavailable(store, [store.check(), store.list('', undefined, 1_000)]);
    servers[1].signal('SIGCONT');
    await recovered(store);
    await Promise.all(keys.map((key) => put(store, key)));
  });

  it('goes on with the replica that takes over a node which does not come back', async () => {
    servers = await startCluster();
    const replica = await addReplica(servers[1], [servers[0], servers[2]]);
    servers.push(replica);
    const store = await open(`redis+cluster://127.0.0.1:${servers[0].port}`);
    await Promise.all(keys.map((key) => put(store, key)));
    await servers[1].kill();
    await expectUnavailable(store, [store.check()]);
    await recovered(store);
    expect(await replica.admin.info('replication')).toContain('role:master');
    await Promise.all(keys.map((key) => put(store, key)));
    expect(await store.list('', undefined, 1_000)).toHaveLength(40);
  });

  it('answers 503 while a whole cluster is away, and follows its slots when they move', async () => {
    servers = await startCluster('--cluster-allow-replica-migration', 'no');
    const store = await open(`redis+cluster://127.0.0.1:${servers[0].port}`);
    await put(store, 'cell/a');
    await Promise.all(servers.map((server) => server.kill()));
    await expectUnavailable(store);
    await expectUnavailable(store);
    await Promise.all(servers.map((server) => server.start()));
    await recovered(store);
    const replicated = await open(`redis+cluster://127.0.0.1:${servers[0].port}`, { waitReplicas: 1 });
    await moveSlotsOf(servers[0], servers[1], servers);
    await recovered(store);
    await Promise.all(keys.map((key) => put(store, key)));
    const messages = async () => {
      const settled = await Promise.allSettled(keys.map((key) => replicated.commit([{ key, bytes }])));
      return settled.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.message : outcome.value));
    };
    const unconfirmed = 'The store failed: 0 of 1 replicas confirmed the change within 333 ms.';
    await expect.poll(messages, { interval: TIMEOUT }).toEqual(keys.map(() => unconfirmed));
  });
});

/** Gives all empty slots of one node to another; those with keys stay. */
async function moveSlotsOf(from: RedisProcess, to: RedisProcess, all: readonly RedisProcess[]): Promise<void> {
  const id = String(await to.admin.call('CLUSTER', 'MYID'));
  await from.admin.flushall();
  for (let slot = 0; slot < 5_462; slot += 300) {
    await Promise.all(
      Array.from({ length: Math.min(300, 5_462 - slot) }, (_, n) =>
        Promise.all([to, from].map(({ admin }) => admin.call('CLUSTER', 'SETSLOT', slot + n, 'NODE', id))),
      ),
    );
  }
  const known = async () => {
    const infos = await Promise.all(all.map(({ admin }) => admin.call('CLUSTER', 'INFO')));
    return infos.every((info) => String(info).includes('cluster_state:ok'));
  };
  await expect.poll(known, { interval: 50 }).toBe(true);
}
