import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../../scripts/free-port.ts';
import { REDIS_SERVER, type RedisProcess, startCluster, startRedis } from '../../../scripts/redis-servers.ts';
import { openStore } from '../../../src/store/open.ts';
import { openRedisBus } from '../../../src/store/redis/bus.ts';
import { openRedisCounter } from '../../../src/store/redis/counter.ts';
import { openRedisStore, type RedisStoreOptions } from '../../../src/store/redis/redis.ts';
import { parseRedisUrl } from '../../../src/store/redis/url.ts';
import { StoreOpenError } from '../../../src/store/store-open-error.ts';
import { BOUND, TIMEOUT } from './redis-expectations.ts';

describe('the URL of a Redis store', () => {
  it.each([
    ['redis://h', { cluster: false, tls: false, nodes: [{ host: 'h', port: 6379 }], database: 0 }],
    ['rediss://h:1/', { tls: true, nodes: [{ host: 'h', port: 1 }] }],
    ['redis://[::1]:7/3', { nodes: [{ host: '::1', port: 7 }], database: 3 }],
    ['redis://:p%40%2Fs@h', { password: 'p@/s', shown: 'redis://***@h' }],
    ['redis://me:a:b@h/0', { username: 'me', password: 'a:b' }],
    [
      'redis+cluster://u:p@a:1,b,[::2]:3',
      {
        cluster: true,
        username: 'u',
        password: 'p',
        nodes: [
          { host: 'a', port: 1 },
          { host: 'b', port: 6379 },
          { host: '::2', port: 3 },
        ],
        shown: 'redis+cluster://***@a:1,b,[::2]:3',
      },
    ],
    ['rediss+cluster://a', { cluster: true, tls: true }],
  ])('%s names its server', (url, target) => {
    expect(parseRedisUrl(url)).toMatchObject(target);
  });

  it.each([
    'redis:',
    'redis://',
    'redis://:secret@',
    'redis://h:0',
    'redis://h:65536',
    'redis://h:port',
    'redis://me:secret@h/x',
    'redis://me:sec/secret@h',
    'redis://me:secret@secret@h',
    'redis://me:%zzsecret@h',
    'redis://secret@h',
    'redis://a,b',
    'redis://h?password=secret',
    'redis://h//',
    'redis+cluster://a,,b',
    'redis+cluster://:secret@a/1',
    'redis+sentinel://h',
  ])('%s is refused in one line without the password', async (url) => {
    const error = await openStore(url).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoreOpenError);
    expect(String(error)).toMatch(/^StoreOpenError: store .*(use (memory: .*)?redis:\/\/|a cluster has only one).*$/);
    expect(String(error)).not.toContain('secret');
  });
});

describe.runIf(REDIS_SERVER)('opening a Redis store', () => {
  let server: RedisProcess;
  let nodes: RedisProcess[] = [];
  beforeAll(async () => {
    [server, nodes] = await Promise.all([
      startRedis('--user', 'me', 'on', '>a@secret', '~*', '+@all', '--requirepass', 'other-secret'),
      startCluster(),
    ]);
    await server.admin.call('AUTH', 'other-secret');
  });
  afterAll(() => Promise.all([server, ...nodes].map((one) => one?.remove())));

  const host = () => `127.0.0.1:${server.port}`;

  async function refusal(url: string, options: RedisStoreOptions = {}): Promise<string> {
    const error: unknown = await openRedisStore(url, { timeoutMilliseconds: TIMEOUT, ...options }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(StoreOpenError);
    const { message } = error as StoreOpenError;
    expect(message).not.toContain('\n');
    expect(message + JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('secret');
    return message;
  }

  async function warningsOf(url: string, waitReplicas?: number): Promise<string[]> {
    const warnings: string[] = [];
    const store = await openRedisStore(url, { warn: (message) => warnings.push(message), waitReplicas });
    await store.close();
    return warnings;
  }

  it('takes a password, and a user name with one', async () => {
    for (const credentials of [':other-secret', 'me:a%40secret']) {
      const store = await openStore(`redis://${credentials}@${host()}/2`);
      expect(await store.commit([{ key: 'cell/a', bytes: Buffer.of(1) }])).toBe('committed');
      await store.close();
    }
  });

  it('says why it cannot, and where', async () => {
    const none = `127.0.0.1:${await freePort()}`;
    expect(await refusal(`redis://:secret@${none}`)).toBe(
      `store redis://***@${none} is not reachable: connect ECONNREFUSED ${none}`,
    );
    expect(await refusal(`redis+cluster://:secret@${none}`)).toMatch(
      /^store redis\+cluster:\/\/\*\*\*@.* is not reachable: the connection was lost$/,
    );
    expect(await refusal('redis://no-such-host.invalid')).toMatch(/is not reachable: .*no-such-host\.invalid/);
    expect(await refusal(`redis://:wrong-secret@${host()}`)).toMatch(/cannot be opened: WRONGPASS/);
    expect(await refusal(`redis://nobody:secret@${host()}`)).toMatch(/cannot be opened: WRONGPASS/);
    expect(await refusal(`redis://${host()}`)).toMatch(/cannot be opened: NOAUTH/);
    expect(await refusal(`redis://:other-secret@${host()}/99`)).toMatch(
      /cannot be opened: ERR DB index is out of range/,
    );
    expect(await refusal(`rediss://:other-secret@${host()}`)).toMatch(
      /^store rediss:.* (is not reachable|cannot be opened)/,
    );
  });

  it.each(['redis', 'redis+cluster'])(
    'says of a server of %s that is lost meanwhile that it is not reachable',
    async (scheme) => {
      const dying = createServer((socket) => socket.on('data', () => socket.destroy()).on('error', () => {}));
      onTestFinished(() => void dying.close());
      await once(dying.listen(0, '127.0.0.1'), 'listening');
      const { port } = dying.address() as AddressInfo;
      expect(await refusal(`${scheme}://127.0.0.1:${port}`)).toMatch(
        /^store redis\S* is not reachable: (the connection was lost|it was not ready)/,
      );
    },
  );

  it('ends in time when the server hangs', async () => {
    server.signal('SIGSTOP');
    const from = performance.now();
    expect(await refusal(`redis://:other-secret@${host()}`)).toMatch(/is not reachable: /);
    expect(performance.now() - from).toBeLessThan(BOUND);
    server.signal('SIGCONT');
  });

  it('refuses a read-only replica, one node of a cluster, and a cluster URL of a single server', async () => {
    await server.admin.replicaof('127.0.0.1', 1);
    expect(await refusal(`redis://:other-secret@${host()}`)).toContain('is a read-only replica; name the primary');
    await server.admin.replicaof('NO', 'ONE');
    expect(await refusal(nodes[0].url)).toContain('is a node of a cluster; write redis+cluster://');
    expect(await refusal(`redis+cluster://:other-secret@${host()}`)).toContain('cluster support disabled');
  });

  it('refuses a store of an older or newer format, and leaves it as it is', async () => {
    const url = `redis://:other-secret@${host()}`;
    const store = await openRedisStore(url);
    await store.commit([{ key: 'session/old', expect: null, bytes: new Uint8Array([1]) }]);
    await store.close();
    expect(await server.admin.get('cellstep:{00}:format')).toBe('3');
    for (const format of ['1', '4', 'x']) {
      await server.admin.set('cellstep:{00}:format', format);
      const before = await server.admin.keys('*');
      expect(await refusal(url)).toBe(
        `store redis://***@${host()} holds a store of format ${format}; this version of cellstep reads format 3. ` +
          'Use the version that wrote it; docs/backup.md has how to bring its data over',
      );
      expect(await server.admin.keys('*')).toEqual(before);
      expect(await server.admin.get('cellstep:{00}:format')).toBe(format);
    }
    await server.admin.set('cellstep:{00}:format', '3');
    await (await openRedisStore(url)).close();
  });

  it('takes over a store of the format before, which is then of the present one', async () => {
    const url = `redis://:other-secret@${host()}`;
    await server.admin.set('cellstep:{00}:format', '2');
    const store = await openRedisStore(url);
    await store.close();
    expect(await server.admin.get('cellstep:{00}:format')).toBe('3');
  });

  it('refuses a cluster that is down', async () => {
    for (const { admin } of nodes) {
      await admin.call('CLUSTER', 'DELSLOTS', 0);
      const state = async () => String(await admin.call('CLUSTER', 'INFO'));
      await expect.poll(state, { interval: 20 }).toContain('cluster_state:fail');
    }
    expect(await refusal(`redis+cluster://127.0.0.1:${nodes[0].port}`)).toContain('was not ready within 3000 ms');
    await nodes[0].admin.call('CLUSTER', 'ADDSLOTS', 0);
  });

  it('warns of what the server may lose', async () => {
    const url = `redis://:other-secret@${host()}`;
    const warnings = async (waitReplicas?: number) => (await warningsOf(url, waitReplicas)).join('\n');
    expect(await warnings()).toContain(`store redis://***@${host()} loses everything when it dies (appendonly no)`);
    await server.admin.config('SET', 'save', '3600 1');
    expect(await warnings()).toContain('loses what was acknowledged since its last snapshot when it dies');
    await server.admin.config('SET', 'appendonly', 'yes');
    expect(await warnings()).toContain('(appendfsync everysec); set appendfsync always');
    await server.admin.config('SET', 'appendfsync', 'always');
    await server.admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    expect(await warnings()).toContain('drops keys when its memory is full (maxmemory-policy allkeys-lru)');
    await server.admin.config('SET', 'maxmemory-policy', 'noeviction');
    expect(await warnings()).toBe('');
    expect(await warnings(1)).toContain('has 0 replicas and commits wait for 1; none can be acknowledged');
  });

  it('works with the rights that the documentation names, settings unread', async () => {
    const documented = readFileSync(new URL('../../../docs/redis.md', import.meta.url), 'utf8');
    const rights = documented.match(/ (~cellstep:\* [^(]*)\n\n/)?.[1].split(/\s+/) ?? [];
    expect(rights).toContain('+config|get');
    const needed = rights.filter((right) => right !== '+config|get');
    await server.admin.call('ACL', 'SETUSER', 'me', 'reset', 'on', '>a@secret', ...needed);
    const url = `redis://me:a%40secret@${host()}/2`;
    expect(await warningsOf(url)).toEqual([
      `store redis://***@${host()}/2 may lose the last acknowledged writes when it dies (appendfsync unknown, since CONFIG GET is refused); set appendfsync always`,
    ]);
    const store = await openRedisStore(url);
    const commit = () =>
      store.commit([
        { key: 'cell/b', bytes: Buffer.of(1) },
        { key: 'cell/b/x', delete: true },
      ]);
    expect(await commit()).toBe('committed');
    expect(await store.list('', undefined, 9)).toHaveLength(2);
    expect(await store.get('cell/b')).toBeDefined();
    expect((await store.usageOf('default')).cell).toBe(2);
    await store.freeBytes();
    await store.check();
    await store.close();
    const counter = await openRedisCounter(url);
    expect(await counter.count('a', 1_000)).toMatchObject({ count: 1 });
    counter.close();
    const heard = Promise.withResolvers<Uint8Array>();
    const buses = [await openRedisBus(url), await openRedisBus(url)];
    buses[1].listen(heard.resolve);
    expect(await buses[0].broadcast(Uint8Array.of(7))).toBe(1);
    expect([...(await heard.promise)]).toEqual([7]);
    for (const bus of buses) await bus.close();
  });
});
