import { setTimeout as delay } from 'node:timers/promises';
import { addReplica, type RedisProcess, startCluster } from '../../scripts/redis-servers.ts';
import { RetryingClient } from './client.ts';
import { createAgent } from './exchange.ts';
import { createRandom, type Random } from './random.ts';
import { CELL, FEATURES } from './reference-cell.ts';
import type { RunOptions } from './run-options.ts';
import { ServiceProcess } from './service-process.ts';

/** The size counts primaries to kill, one after another, each time in a cluster of its own. */
export interface Failover extends RunOptions {
  /** CELLSTEP_REDIS_WAIT. */
  readonly wait: 0 | 1;
  /** So long before its end a primary is cut off from its replicas: how far these lag behind. Drawn where left out. */
  readonly lagMilliseconds?: number;
}

/** Lags that are drawn. */
const LAGS = [0, 20, 200];

export interface FailoverReport {
  readonly acknowledged: number;
  /** Acknowledged steps that the session did not have after the failover. */
  readonly lost: number;
  /** The oldest of them was acknowledged so long before the primary was killed; 0 where none is lost. */
  readonly windowMilliseconds: number;
  /** The longest that a session went without an acknowledged step. */
  readonly outageMilliseconds: number;
}

const SESSIONS = 48;
const LOAD_MILLISECONDS = 1_500;
const AWAY_MILLISECONDS = 3_000;

/**
 * Kills a primary of a Redis Cluster of six under load, and looks which acknowledged steps are there afterwards.
 * @throws {Error} where one is missing though commits wait for a replica, or one was applied twice
 */
export async function failover(options: Failover): Promise<Record<string, FailoverReport & { killed: number }>> {
  const { seed, size, wait, progress } = options;
  const random = createRandom(seed);
  const byLag: Record<string, FailoverReport & { killed: number }> = {};
  for (let n = 1; n <= size; n++) {
    const lag = options.lagMilliseconds ?? random.pick(LAGS);
    const report = await killPrimary(random, wait, lag);
    progress?.(`${n} primaries killed, the last with replicas ${lag} ms behind: ${JSON.stringify(report)}`);
    if (wait > 0 && report.lost > 0) throw new Error(`SEED=${seed}: ${report.lost} acknowledged steps are lost`);
    const name = `replicas ${lag} ms behind`;
    const { killed = 0, ...before } = byLag[name] ?? {};
    byLag[name] = { killed: killed + 1, ...(killed > 0 ? added(before as FailoverReport, report) : report) };
  }
  return byLag;
}

function added(a: FailoverReport, b: FailoverReport): FailoverReport {
  return {
    acknowledged: a.acknowledged + b.acknowledged,
    lost: a.lost + b.lost,
    windowMilliseconds: Math.max(a.windowMilliseconds, b.windowMilliseconds),
    outageMilliseconds: Math.max(a.outageMilliseconds, b.outageMilliseconds),
  };
}

async function killPrimary(random: Random, wait: number, lag: number): Promise<FailoverReport> {
  const primaries = await startCluster('--appendonly', 'yes', '--appendfsync', 'everysec');
  const servers: RedisProcess[] = [...primaries];
  const services: ServiceProcess[] = [];
  const agent = createAgent(SESSIONS * 2);
  try {
    for (const primary of primaries) {
      const others = servers.filter((server) => server !== primary);
      servers.push(await addReplica(primary, others));
    }
    const hosts = primaries.map(({ port }) => `127.0.0.1:${port}`).join(',');
    for (let n = 0; n < 2; n++) {
      const settings = { CELLSTEP_STORE: `redis+cluster://${hosts}`, CELLSTEP_REDIS_WAIT: `${wait}` };
      services.push(new ServiceProcess(settings));
    }
    await Promise.all(services.map((service) => service.start()));
    const urls = () => services.map(({ url }) => url);
    const client = new RetryingClient({ agent, urls, random, milliseconds: 5_000 });
    await client.send({ method: 'POST', path: '/v1/cells', body: { id: 'cell', ...CELL } });
    const sessions = Array.from({ length: SESSIONS }, (_, n) => new SteppedSession(`s${n}`, client));
    await Promise.all(sessions.map((session) => session.open()));
    const loads = Promise.all(sessions.map((session) => session.load()));

    await delay(LOAD_MILLISECONDS * (0.5 + random.next()));
    const victim = random.pick(primaries);
    const replicas = servers.slice(primaries.length);
    if (lag > 0) {
      for (const replica of replicas) replica.signal('SIGSTOP');
      // What a primary has sent already is read by its replica later.
      await Promise.all(primaries.map(({ admin }) => admin.call('CLIENT', 'KILL', 'TYPE', 'replica')));
      await delay(lag);
    }
    const killed = performance.now();
    await victim.kill();
    for (const replica of replicas) replica.signal('SIGCONT');
    // With WAIT the new primary acknowledges nothing before it has a replica again: the old one, when it comes back.
    await Promise.race([delay(AWAY_MILLISECONDS), loads]);
    await victim.start();
    const back = performance.now();
    while (sessions.some(({ last }) => last < back)) await Promise.race([delay(50), loads]);
    for (const session of sessions) session.stop();
    await loads;
    return reportOf(sessions, killed);
  } finally {
    agent.destroy();
    await Promise.all(services.map((service) => service.stop('SIGKILL')));
    await Promise.all(servers.map((server) => server.remove()));
  }
}

/** A session with one client, which takes a step after another, each sent with its key until it is acknowledged. */
class SteppedSession {
  /** When the steps that the session has were acknowledged. */
  private acknowledged: number[] = [];
  /** When those were that it has no more. */
  readonly lost: number[] = [];
  longest = 0;
  count = 0;
  private readonly id: string;
  private readonly client: RetryingClient;
  private stopped = false;

  constructor(id: string, client: RetryingClient) {
    this.id = id;
    this.client = client;
  }

  /** When the last step was acknowledged. */
  get last(): number {
    return this.acknowledged.at(-1) ?? 0;
  }

  async open(): Promise<void> {
    await this.client.send({ method: 'POST', path: '/v1/sessions', body: { id: this.id, cell: 'cell' }, key: this.id });
  }

  async load(): Promise<void> {
    const body = { inputs: [new Array<number>(FEATURES).fill(0.5)] };
    for (let n = 0; !this.stopped; n++) {
      const sent = { method: 'POST', path: `/v1/sessions/${this.id}/steps`, body, key: `k${n}` } as const;
      const { answer } = await this.client.send(sent);
      if (answer.status !== 200) throw new Error(`${this.id}: ${answer.status} ${answer.text}`);
      this.acknowledge(answer.body.step);
    }
  }

  stop(): void {
    this.stopped = true;
  }

  private acknowledge(step: number): void {
    const expected = this.acknowledged.length + 1;
    if (step > expected)
      throw new Error(`${this.id}: step ${step} came where ${expected} was due: one was applied twice`);
    this.lost.push(...this.acknowledged.splice(step - 1));
    const now = performance.now();
    if (this.count > 0) this.longest = Math.max(this.longest, now - Math.max(this.last, this.lost.at(-1) ?? 0));
    this.acknowledged.push(now);
    this.count += 1;
  }
}

function reportOf(sessions: readonly SteppedSession[], killed: number): FailoverReport {
  const lost = sessions.flatMap((session) => session.lost);
  return {
    acknowledged: sessions.reduce((sum, { count }) => sum + count, 0),
    lost: lost.length,
    // What was acknowledged is heard of a little later.
    windowMilliseconds: lost.length === 0 ? 0 : Math.max(1, Math.round(killed - Math.min(...lost))),
    outageMilliseconds: Math.round(Math.max(...sessions.map(({ longest }) => longest))),
  };
}
