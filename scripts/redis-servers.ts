import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { findProgram } from './programs.ts';

/** The server to test with, from PATH. */
export const REDIS_SERVER = findProgram('redis-server', 'valkey-server');

/** A server of the test's own, on a free port of the loopback interface, with its data in a directory of its own. */
export interface RedisProcess {
  readonly port: number;
  readonly url: string;
  readonly directory: string;
  /** For what an operator would do; connects anew after the server was away. */
  readonly admin: Redis;
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  /** kill -9. */
  kill(): Promise<void>;
  /** Again on the same port and directory. Resolves when it listens, though it may still load its data. */
  start(...settings: string[]): Promise<void>;
  /** Kills it and removes its directory. */
  remove(): Promise<void>;
}

export async function startRedis(...settings: string[]): Promise<RedisProcess> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'cellstep-redis-'));
  const admin = new Redis({
    port,
    host: '127.0.0.1',
    lazyConnect: true,
    protocol: 2,
    disableClientInfo: true,
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
    enableReadyCheck: false,
  });
  admin.on('error', () => {});
  let child: ChildProcess | undefined;

  const server: RedisProcess = {
    port,
    url: `redis://127.0.0.1:${port}`,
    directory,
    admin,
    signal: (name) => child?.kill(name),
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'close');
    },
    async start(...more) {
      const base = [
        '--port',
        `${port}`,
        '--bind',
        '127.0.0.1',
        '--dir',
        directory,
        '--save',
        '',
        '--repl-diskless-sync-delay',
        '0',
        '--loglevel',
        'warning',
      ];
      const running = spawn(REDIS_SERVER!, [...base, ...settings, ...more], { stdio: 'ignore' });
      child = running;
      // Not left behind by a test run that was ended.
      const end = () => running.kill('SIGKILL');
      process.once('exit', end);
      running.once('close', () => process.off('exit', end));
      for (;;) {
        if (running.exitCode !== null) throw new Error(`${REDIS_SERVER} ended with ${running.exitCode}`);
        if (await answers(port)) return;
        await delay(10);
      }
    },
    async remove() {
      admin.disconnect();
      await server.kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

/** Three primaries with a third of the slots each. */
export async function startCluster(...settings: string[]): Promise<RedisProcess[]> {
  const nodes: RedisProcess[] = [];
  for (let n = 0; n < 3; n++) nodes.push(await startNode(settings));
  const share = Math.ceil(16_384 / nodes.length);
  await Promise.all(
    nodes.map(async ({ admin }, n) => {
      await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', n + 1);
      await admin.call('CLUSTER', 'ADDSLOTSRANGE', n * share, Math.min((n + 1) * share, 16_384) - 1);
    }),
  );
  for (const [n, one] of nodes.entries()) for (const other of nodes.slice(n + 1)) await meet(one, other);
  for (const node of nodes) await clusterReady(node, nodes.length);
  return nodes;
}

/** One more node beside the primary and all others, which has all that the primary has, and takes over when it dies. */
export async function addReplica(primary: RedisProcess, others: readonly RedisProcess[]): Promise<RedisProcess> {
  const replica = await startNode(['--cluster-replica-validity-factor', '0']);
  for (const node of [primary, ...others]) await meet(replica, node);
  await clusterReady(replica, others.length + 2);
  await replica.admin.call('CLUSTER', 'REPLICATE', String(await primary.admin.call('CLUSTER', 'MYID')));
  while (!(await primary.admin.info('replication')).includes('state=online')) await delay(20);
  return replica;
}

async function startNode(settings: readonly string[]): Promise<RedisProcess> {
  const bus = ['--cluster-port', `${await freePort()}`, '--cluster-node-timeout', '500'];
  return startRedis('--cluster-enabled', 'yes', ...bus, ...settings);
}

async function meet(one: RedisProcess, other: RedisProcess): Promise<void> {
  const bus = (await other.admin.config('GET', 'cluster-port')) as string[];
  await one.admin.call('CLUSTER', 'MEET', '127.0.0.1', other.port, bus[1]);
}

async function clusterReady({ admin }: RedisProcess, size: number): Promise<void> {
  for (;;) {
    const info = String(await admin.call('CLUSTER', 'INFO'));
    if (info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${size}`)) return;
    await delay(20);
  }
}

/** Whether something listens: a server that loads its data does too. */
async function answers(port: number): Promise<boolean> {
  const probe = new Redis({
    port,
    host: '127.0.0.1',
    lazyConnect: true,
    protocol: 2,
    disableClientInfo: true,
    enableReadyCheck: false,
    retryStrategy: null,
  });
  probe.on('error', () => {});
  try {
    await probe.connect();
    return true;
  } catch {
    return false;
  } finally {
    probe.disconnect();
  }
}
