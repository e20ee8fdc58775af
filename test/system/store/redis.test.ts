import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REDIS_SERVER, type RedisProcess, startCluster, startRedis } from '../../../scripts/redis-servers.ts';
import { openRedisStore } from '../../../src/store/redis/redis.ts';
import { storeContract } from '../../contract/store-contract.ts';
import { usageContract } from '../../contract/usage-contract.ts';
import { PATIENCE_MS } from '../../support/patience.ts';

describe('the tests of the Redis store', () => {
  it('have a server, or are left out openly', () => {
    if (REDIS_SERVER === undefined && process.env.CELLSTEP_CI !== '1') {
      process.stderr.write('\nno redis-server or valkey-server in PATH: the Redis store is NOT tested\n');
      return;
    }
    expect(REDIS_SERVER, 'redis-server or valkey-server in PATH').toBeDefined();
  });
});

describe.runIf(REDIS_SERVER)('on one server', () => {
  let server: RedisProcess;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.remove());

  for (const contract of [storeContract, usageContract]) {
    contract('the Redis store', async () => {
      await server.admin.flushall();
      const store = await openRedisStore(server.url, { timeoutMilliseconds: PATIENCE_MS });
      return { store, cleanup: () => store.close() };
    });
  }
});

describe.runIf(REDIS_SERVER)('on a cluster of three', () => {
  let nodes: RedisProcess[] = [];
  beforeAll(async () => {
    nodes = await startCluster();
  });
  afterAll(() => Promise.all(nodes.map((node) => node.remove())));

  for (const contract of [storeContract, usageContract]) {
    contract('the Redis store', async () => {
      await Promise.all(nodes.map(({ admin }) => admin.flushall()));
      const url = `redis+cluster://127.0.0.1:${nodes[0].port},127.0.0.1:${nodes[1].port}`;
      const store = await openRedisStore(url, { timeoutMilliseconds: PATIENCE_MS });
      return { store, cleanup: () => store.close() };
    });
  }
});
