import { readFileSync } from 'node:fs';
import { REDIS_SERVER, type RedisProcess, startRedis } from '../../scripts/redis-servers.ts';
import { Load, type Requests, request } from '../load.ts';
import { median } from '../measure.ts';
import { MissingPeer } from '../peers.ts';
import { duration, perSecond, type Suite } from '../report.ts';
import { type BenchService, serve } from '../service.ts';
import { makeLstm, stepInputs } from '../steppers.ts';

const UNITS = 64;
const SESSIONS = 64;
const ROUNDS = 7;
const ROUND_MS = 3_000;
/** Of /proc/<pid>/stat, on every Linux. */
const TICKS_PER_SECOND = 100;

/** Of one step, in nanoseconds. */
interface Costs {
  readonly elapsed: number;
  readonly service: number;
  readonly redis: number;
}

export const suite: Suite = {
  about: `Session steps of an LSTM(${UNITS}) over HTTP in JSON, ${SESSIONS} connections, one process over one Redis with an append-only file and
appendfsync no: the processor time that each of the two spends on a step. With a key: an Idempotency-Key of its own for each step.
On two cores the clients, a third process, have a share of both.`,
  async run(tell) {
    if (REDIS_SERVER === undefined) throw new MissingPeer('there is no redis-server in PATH.');
    const redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'no', '--auto-aof-rewrite-percentage', '0');
    const service = await serve('memory', { CELLSTEP_STORE: redis.url });
    try {
      const cell = await makeLstm(service, UNITS);
      for (let n = 0; n < SESSIONS; n++) await service.post('/v1/sessions', { id: `s${n}`, cell });
      const loads = [new Load(service.url, clients(false)), new Load(service.url, clients(true))];
      const costs: Costs[][] = [[], []];
      for (let round = -1; round < ROUNDS; round++) {
        for (const [k, load] of loads.entries()) {
          const cost = await measure(load, service, redis);
          if (round >= 0) costs[k].push(cost);
        }
      }
      const [plain, keyed] = costs.map((of) => (name: keyof Costs) => median(of.map((one) => one[name])));
      const compare = (name: string, show: (of: (name: keyof Costs) => number) => string) =>
        tell({ name, cellstep: show(plain), peer: `${show(keyed)} with a key` });
      compare('processor time of cellstep for a step', (of) => duration(of('service')));
      compare('processor time of Redis for a step', (of) => duration(of('redis')));
      compare('steps', (of) => perSecond(of('elapsed'), 'steps'));
      for (const load of loads) load.close();
      return [await versionOf(redis)];
    } finally {
      await service.close();
      await redis.remove();
    }
  },
};

async function versionOf({ admin }: RedisProcess): Promise<string> {
  return `Redis ${/redis_version:(\S+)/.exec(await admin.info('server'))?.[1]}`;
}

function clients(keyed: boolean): Requests[] {
  let key = 0;
  return Array.from({ length: SESSIONS }, (_, n) => {
    const step = (own?: string) => request('POST', `/v1/sessions/s${n}/steps`, { inputs: stepInputs() }, own);
    return keyed ? () => step(`k${key++}`) : step();
  });
}

async function measure(load: Load, service: BenchService, redis: RedisProcess): Promise<Costs> {
  const before = { service: serviceSeconds(service), redis: await redisSeconds(redis) };
  const { perSecond: rate, latencies } = await load.run(ROUND_MS);
  const each = (seconds: number) => (seconds * 1e9) / latencies.length;
  return {
    elapsed: 1e9 / rate,
    service: each(serviceSeconds(service) - before.service),
    redis: each((await redisSeconds(redis)) - before.redis),
  };
}

function serviceSeconds({ pid }: BenchService): number {
  // After the name of the program, which may have blanks: the 12th is the user time, the 13th the system time.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

async function redisSeconds({ admin }: RedisProcess): Promise<number> {
  const info = await admin.info('cpu');
  const seconds = (name: string) => Number(new RegExp(`${name}:([0-9.]+)`).exec(info)?.[1]);
  return seconds('used_cpu_user') + seconds('used_cpu_sys');
}
