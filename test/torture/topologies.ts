import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis } from '../../scripts/redis-servers.ts';
import type { Random } from './random.ts';
import { ServiceProcess } from './service-process.ts';

/** Services over one store, and what can be killed of them. */
export interface Topology {
  readonly services: readonly ServiceProcess[];
  /** Where requests may be sent now. */
  urls(): readonly string[];
  /** Kills (-9) one thing, and starts it again. Says what it was. */
  strike(random: Random): Promise<string>;
  stop(): Promise<void>;
}

export const TOPOLOGIES = {
  lmdb: { needsRedis: false, start: () => lmdb({}, killService) },
  'lmdb-workers': { needsRedis: false, start: () => lmdb({ CELLSTEP_WORKERS: '2' }, killWorkerOrAll) },
  redis: { needsRedis: true, start: () => redisReplicas(3) },
} as const;

export type TopologyName = keyof typeof TOPOLOGIES;

async function lmdb(
  settings: Readonly<Record<string, string>>,
  strike: (service: ServiceProcess, random: Random) => Promise<string>,
): Promise<Topology> {
  const directory = await mkdtemp(join(tmpdir(), 'cellstep-torture-'));
  const service = new ServiceProcess({ CELLSTEP_STORE: `lmdb:${join(directory, 'data')}`, ...settings });
  await service.start();
  return {
    services: [service],
    urls: () => [service.url],
    strike: (random) => strike(service, random),
    async stop() {
      await service.stop('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function killService(service: ServiceProcess): Promise<string> {
  await service.stop('SIGKILL');
  await service.start();
  return 'service';
}

/** Mostly a worker, which its primary replaces while the others go on; at times the primary, which ends them all. */
async function killWorkerOrAll(service: ServiceProcess, random: Random): Promise<string> {
  const workers = childrenOf(service.pid);
  if (workers.length === 0 || random.chance(0.4)) {
    await killService(service);
    return 'primary';
  }
  process.kill(random.pick(workers), 'SIGKILL');
  return 'worker';
}

function childrenOf(pid: number | undefined): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/**
 * Replicas of the service over a Redis of their own that syncs each write before it answers. A killed replica starts
 * again while the others go on and are killed in their turn; one of them is always left.
 */
async function redisReplicas(count: number): Promise<Topology> {
  const redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'always');
  const services = Array.from({ length: count }, () => new ServiceProcess({ CELLSTEP_STORE: redis.url }));
  await Promise.all(services.map((service) => service.start()));
  const starting = new Map<ServiceProcess, Promise<void>>();
  let failure: unknown;
  return {
    services,
    urls: () => services.map(({ url }) => url),
    async strike(random) {
      if (failure) throw failure;
      if (services.length - starting.size < 2) await Promise.race(starting.values());
      const running = services.filter((service) => !starting.has(service));
      if (random.chance(0.3)) {
        await redis.kill();
        await redis.start();
        return 'redis';
      }
      const service = random.pick(running);
      await service.stop('SIGKILL');
      const started = service.start().then(
        () => void starting.delete(service),
        (error: unknown) => {
          failure = error;
        },
      );
      starting.set(service, started);
      return 'replica';
    },
    async stop() {
      await Promise.all(starting.values());
      await Promise.all(services.map((service) => service.stop('SIGKILL')));
      await redis.remove();
    },
  };
}
