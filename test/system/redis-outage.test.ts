import { describe, expect, onTestFinished, test } from 'vitest';
import { REDIS_SERVER, type RedisProcess, startRedis } from '../../scripts/redis-servers.ts';
import { until } from '../support/until.ts';
import { SteppingClients } from './stepping-client.ts';
import { openCounter, readCounter, send, service } from './support.ts';

const STEP = '/v1/sessions/counter/steps';

const readiness = async (url: string) => (await send(url, '/readyz')).status;

describe.runIf(REDIS_SERVER)('the service, when its Redis fails under load,', () => {
  async function start(...settings: string[]): Promise<RedisProcess> {
    const server = await startRedis('--appendonly', 'yes', '--appendfsync', 'always', ...settings);
    onTestFinished(() => server.remove());
    return server;
  }

  test.each<[string, (server: RedisProcess) => Promise<unknown>, (server: RedisProcess) => Promise<unknown>]>([
    ['hangs', async (server) => server.signal('SIGSTOP'), async (server) => server.signal('SIGCONT')],
    ['is killed with kill -9', (server) => server.kill(), (server) => server.start()],
    [
      'becomes a read-only replica',
      ({ admin }) => admin.replicaof('127.0.0.1', 1),
      ({ admin }) => admin.replicaof('NO', 'ONE'),
    ],
    [
      'is out of memory',
      ({ admin }) => admin.config('SET', 'maxmemory', '1000000'),
      ({ admin }) => admin.config('SET', 'maxmemory', '0'),
    ],
    [
      'loads its data',
      async (server) => {
        await server.kill();
        await server.start('--key-load-delay', '100000', '--loading-process-events-interval-bytes', '1024');
      },
      ({ admin }) => admin.config('SET', 'key-load-delay', '0'),
    ],
  ])(
    'answers 503 in time when it %s, is not ready, and goes on without a restart, nothing lost or twice',
    async (_, fail, mend) => {
      const server = await start();
      const { url } = await service({ CELLSTEP_STORE: server.url });
      await openCounter(url);
      expect(await readiness(url)).toBe(200);
      const clients = new SteppingClients(url);
      await until(() => clients.acknowledged > 60);
      await fail(server);
      await until(clients.allRefused());
      const ready = await send(url, '/readyz');
      expect([ready.status, JSON.parse(ready.text).code], ready.text).toEqual([503, 'store-unavailable']);
      expect(await send(url, '/healthz')).toMatchObject({ status: 200 });
      await mend(server);
      await until(async () => (await readiness(url)) === 200);
      const before = clients.acknowledged;
      await until(() => clients.acknowledged > before + 60);
      await clients.stop();
      expect(await readCounter(url)).toEqual({ step: clients.acknowledged, sum: clients.acknowledged });
    },
  );

  test('answers a repeated step only when as many replicas have it as CELLSTEP_REDIS_WAIT asks for', async () => {
    const [primary, replica] = [await start(), await start()];
    await replica.admin.replicaof('127.0.0.1', primary.port);
    await until(async () => (await primary.admin.info('replication')).includes('state=online'));
    const first = await service({ CELLSTEP_STORE: primary.url, CELLSTEP_REDIS_WAIT: '1' });
    const take = () => send(first.url, STEP, { inputs: [[7]] }, { 'idempotency-key': 'k' });
    await until(async () => (await readiness(first.url)) === 200);
    await openCounter(first.url);
    replica.signal('SIGSTOP');
    for (let attempt = 0; attempt < 3; attempt++) {
      const { status, text } = await take();
      expect(status).toBe(503);
      expect(text).toContain('0 of 1 replicas confirmed the change');
    }
    expect(await readiness(first.url)).toBe(503);
    replica.signal('SIGCONT');
    await until(async () => (await readiness(first.url)) === 200);
    const acknowledged = await take();
    expect([acknowledged.status, acknowledged.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    await primary.kill();
    await replica.admin.replicaof('NO', 'ONE');
    const second = await service({ CELLSTEP_STORE: replica.url });
    expect(await readCounter(second.url)).toEqual({ step: 1, sum: 7 });
  });
});
