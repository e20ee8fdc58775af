import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { REDIS_SERVER, type RedisProcess, startRedis } from '../../../scripts/redis-servers.ts';
import type { Store } from '../../../src/domain/ports.ts';
import type { Problem } from '../../../src/domain/problems.ts';
import { openRedisStore, type RedisStoreOptions } from '../../../src/store/redis/redis.ts';
import { increment } from './increment.ts';
import { bytes, expectUnavailable, put, recovered, TIMEOUT } from './redis-expectations.ts';

describe.runIf(REDIS_SERVER)('the Redis store, when its server fails,', () => {
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

  it('answers 503 at once while it is away, and goes on when it is back', async () => {
    const server = await start();
    const store = await open(server.url);
    await server.kill();
    await expectUnavailable(store);
    for (const message of await expectUnavailable(store)) expect(message).toContain('it is not connected');
    await server.start();
    await recovered(store);
    await put(store, 'cell/a');
  });

  it('loses nothing that it acknowledged before kill -9, with appendfsync always', async () => {
    const server = await start('--appendonly', 'yes', '--appendfsync', 'always');
    const store = await open(server.url);
    const acknowledged: string[] = [];
    const failures: unknown[] = [];
    let lastRound = false;
    async function lane(name: string): Promise<void> {
      for (let n = 0; !lastRound; n++) {
        const key = `cell/${name}.${n}`;
        try {
          await store.commit([{ key, expect: null, bytes: Buffer.from(key) }]);
          acknowledged.push(key);
        } catch (error) {
          failures.push(error);
          await delay(5);
        }
      }
    }
    const lanes = Array.from({ length: 8 }, (_, n) => lane(`lane${n}`));
    for (let round = 1; round <= 2; round++) {
      const before = acknowledged.length;
      await expect.poll(() => acknowledged.length - before, { interval: 5 }).toBeGreaterThan(200);
      await server.kill();
      await server.start();
      await recovered(store);
    }
    lastRound = true;
    await Promise.all(lanes);
    for (const key of acknowledged) expect(Buffer.from((await store.get(key))!.bytes).toString()).toBe(key);
    expect(acknowledged.length).toBeGreaterThan(400);
    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures) expect((failure as Problem).code).toBe('store-unavailable');
    const listed = await store.list('cell/', undefined, 100_000);
    expect(listed.map(({ key }) => key)).toEqual(expect.arrayContaining(acknowledged));
  });

  it('answers 503 in time while it hangs, says that the change may be made, and goes on after it', async () => {
    const server = await start();
    const store = await open(server.url);
    server.signal('SIGSTOP');
    const messages = await expectUnavailable(store);
    expect(messages[1]).toMatch(
      /did not answer within 1000 ms; what was sent may still take effect|connection was lost/,
    );
    await expectUnavailable(store);
    server.signal('SIGCONT');
    await recovered(store);
    await put(store, 'cell/a');
  });

  it('never sends a commit again whose answer was lost: it was made, and would conflict with itself', async () => {
    const server = await start();
    const proxy = await startProxy(server.port);
    const store = await open(`redis://127.0.0.1:${proxy.port}`);
    proxy.loseAnswer();
    const create = store.commit([{ key: 'cell/a', expect: null, bytes }]);
    const [message] = await expectUnavailable(store, [create]);
    expect(message).toContain('the connection was lost before it answered');
    await recovered(store);
    expect(await store.get('cell/a')).toBeDefined();
    proxy.close();
  });

  it('holds back excess calls, and withdraws them when their time is over', async () => {
    const server = await start();
    const store = await open(server.url);
    const large = Buffer.alloc(30 * 2 ** 20);
    server.signal('SIGSTOP');
    const commits = Array.from({ length: 4 }, (_, n) => store.commit([{ key: `cell/${n}`, bytes: large }]));
    const gets = Array.from({ length: 1_000 }, () => store.get('cell/a'));
    await expectUnavailable(store, [...commits, ...gets]);
    server.signal('SIGCONT');
    await recovered(store);
    await delay(100);
    expect(await server.admin.exists('cellstep:{00}:format')).toBe(1);
    const late = await Promise.all([2, 3].map((n) => store.get(`cell/${n}`)));
    expect(late).toEqual([undefined, undefined]);
  });

  it('answers 503 to writes when the server is out of memory, while reads and deletions go on', async () => {
    const server = await start();
    const store = await open(server.url);
    await put(store, 'cell/a');
    await server.admin.config('SET', 'maxmemory', '1000000');
    const write = store.commit([
      { key: 'cell-variable/a/k', delete: true },
      { key: 'cell/a', bytes: Buffer.from('new') },
      { key: 'cell-variable/a/x', bytes },
    ]);
    const [message] = await expectUnavailable(store, [write, store.check()]);
    expect(message).toBe('The store failed: it is out of memory (maxmemory).');
    expect(Buffer.from((await store.get('cell/a'))!.bytes).toString()).toBe('value');
    expect(await store.list('', undefined, 10)).toHaveLength(1);
    expect(await store.commit([{ key: 'cell/a', delete: true }])).toBe('committed');
    await server.admin.config('SET', 'maxmemory', '0');
    await recovered(store);
    await put(store, 'cell/a');
  });

  it('answers 503 for writes, and reads on, when the server becomes a read-only replica', async () => {
    const server = await start();
    const store = await open(server.url);
    await put(store, 'cell/a');
    await server.admin.replicaof('127.0.0.1', 1);
    const [message] = await expectUnavailable(store, [store.commit([{ key: 'cell/a', bytes }])]);
    expect(message).toBe('The store failed: it is a read-only replica.');
    await expect.poll(() => store.get('cell/a').catch(() => undefined)).toBeDefined();
    await expect(store.check()).rejects.toMatchObject({ code: 'store-unavailable' });
    await server.admin.replicaof('NO', 'ONE');
    await recovered(store);
    await put(store, 'cell/a');
  });

  it('answers 503 when the server cannot save', async () => {
    const server = await start('--save', '3600 1');
    const store = await open(server.url);
    rmSync(server.directory, { recursive: true });
    await server.admin.bgsave();
    const failed = async () => (await server.admin.info('persistence')).includes('rdb_last_bgsave_status:err');
    await expect.poll(failed, { interval: 20 }).toBe(true);
    const messages = await expectUnavailable(store, [store.commit([{ key: 'cell/a', bytes }]), store.check()]);
    expect(messages[0]).toBe('The store failed: it cannot save to its disk.');
  });

  it('answers 503 while the server loads its data', async () => {
    const server = await start('--appendonly', 'yes', '--appendfsync', 'always');
    const store = await open(server.url);
    for (let n = 0; n < 40; n++) await put(store, `cell/${n}`);
    await server.kill();
    await server.start('--key-load-delay', '100000', '--loading-process-events-interval-bytes', '1024');
    await expectUnavailable(store);
    await server.admin.config('SET', 'key-load-delay', '0');
    await recovered(store);
    expect(await store.list('', undefined, 1_000)).toHaveLength(40);
  });

  it('answers 503 without the password when it is refused after a reconnection', async () => {
    const server = await start('--requirepass', 'first-secret');
    await server.admin.call('AUTH', 'first-secret');
    const store = await open(server.url.replace('//', '//:first-secret@'));
    await server.admin.config('SET', 'requirepass', 'second-secret');
    await server.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await delay(50);
    await expectUnavailable(store);
    const failure = await store.check().catch((error: unknown) => error);
    expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toContain('secret');
    expect(String((failure as Problem).cause)).not.toContain('secret');
  });

  it('closes in time while the server hangs, and lets commits under way end first', async () => {
    const server = await start();
    const store = await open(server.url);
    server.signal('SIGSTOP');
    const commit = store.commit([{ key: 'cell/a', bytes }]);
    const closing = store.close();
    await expectUnavailable(store, [commit]);
    await closing;
    server.signal('SIGCONT');
  });

  it('loses no increment of two services that share the server', async () => {
    const server = await start();
    const shared = await Promise.all([open(server.url), open(server.url)]);
    await Promise.all(
      shared.map(async (store) => {
        for (let n = 0; n < 200; n++) await increment(store);
      }),
    );
    expect(Buffer.from((await shared[0].get('cell/counter'))!.bytes).toString()).toBe('400');
  });

  it('goes on when the server has forgotten the script', async () => {
    const server = await start();
    const store = await open(server.url);
    await put(store, 'cell/a');
    await server.admin.script('FLUSH');
    await put(store, 'cell/a');
  });
});

/** Stands between the store and the server; it can pass on what is asked, and cut the connection for an answer. */
async function startProxy(port: number) {
  let cut = false;
  const sockets: Socket[] = [];
  const proxy = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    sockets.push(client, upstream);
    client.on('error', () => {}).on('close', () => upstream.destroy());
    upstream.on('error', () => {}).on('close', () => client.destroy());
    client.on('data', (data) => upstream.write(data));
    upstream.on('data', (data) => {
      if (cut) client.destroy();
      else client.write(data);
      cut = false;
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    port: (proxy.address() as AddressInfo).port,
    /** The next one, and the connection with it. */
    loseAnswer: () => {
      cut = true;
    },
    close: () => {
      proxy.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
