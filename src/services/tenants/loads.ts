import { randomUUID } from 'node:crypto';
import type { Bus, Clock } from '../../domain/ports.ts';
import { type QuotasOf, quotaExceeded } from './quotas.ts';
import { SecondCounter } from './second-counter.ts';

/** What a tenant uses now. */
export interface Load {
  /** In the last full second. */
  readonly requests: number;
  /** Multiply-adds in the last full second. */
  readonly work: number;
  readonly connections: number;
}

interface Own {
  readonly requests: SecondCounter;
  readonly work: SecondCounter;
  connections: number;
  /** Accepted work that is not paid off. It sinks by the quota every second. */
  debt: number;
  debtAt: number;
  /** Work that the other processes do not know yet. */
  untold: number;
}

interface Told extends Load {
  readonly until: number;
}

/** Hears what is counted, for metrics. */
export interface LoadObserver {
  requested(tenant: string, count: number): void;
  spent(tenant: string, work: number): void;
  connected(tenant: string, change: 1 | -1): void;
}

/** One tenant in a message: name, work since the last message, requests and work of the last second, connections. */
type Entry = readonly [tenant: string, spent: number, requests: number, work: number, connections: number];

export interface LoadParts {
  readonly clock: Clock;
  readonly quotasOf: QuotasOf;
  readonly bus?: Bus;
  readonly observer?: LoadObserver;
}

const KIND = '{"kind":"load"';
const TELL_MS = 250;
/** A report of a process is valid for this long. If the process died, its connections died too. */
const BELIEVED_MS = 1_000;
const MAX_TENANTS = 10_000;

/**
 * The current requests, work and connections of tenants. Every process counts its own and tells the others four times a
 * second. A quota may therefore be exceeded by what the others accept in a quarter of a second.
 */
export class TenantLoads {
  private readonly clock: Clock;
  private readonly quotasOf: QuotasOf;
  private readonly bus: Bus | undefined;
  private readonly observer: LoadObserver | undefined;
  private readonly name = randomUUID();
  private readonly tenants = new Map<string, Own>();
  private readonly others = new Map<string, Map<string, Told>>();
  private readonly timer: NodeJS.Timeout | undefined;

  constructor({ clock, quotasOf, bus, observer }: LoadParts) {
    this.clock = clock;
    this.quotasOf = quotasOf;
    this.bus = bus;
    this.observer = observer;
    if (!bus) return;
    bus.listen((message) => this.hear(message));
    this.timer = setInterval(() => this.tell(), TELL_MS);
    this.timer.unref();
  }

  of(tenant: string): Load {
    const own = this.tenants.get(tenant);
    const now = this.clock();
    const told = [...(this.others.get(tenant)?.values() ?? [])].filter(({ until }) => until > now);
    const sum = (what: keyof Load, mine: number) => told.reduce((total, load) => total + load[what], mine);
    return {
      requests: sum('requests', own?.requests.last(now) ?? 0),
      work: sum('work', own?.work.last(now) ?? 0),
      connections: sum('connections', own?.connections ?? 0),
    };
  }

  request(tenant: string, count = 1): void {
    this.own(tenant).requests.add(count, this.clock());
    this.observer?.requested(tenant, count);
  }

  /** Counts a connection until the returned function is called. @throws {Problem} quota-exceeded */
  connect(tenant: string): () => void {
    const quota = this.quotasOf(tenant).connections;
    if (quota !== undefined && this.of(tenant).connections >= quota) {
      throw quotaExceeded('connections', quota, quota, 'Close one, or try again later.');
    }
    const own = this.own(tenant);
    own.connections++;
    this.observer?.connected(tenant, 1);
    return () => {
      own.connections--;
      this.observer?.connected(tenant, -1);
    };
  }

  /**
   * Counts work before it is done. Any amount is accepted while less than the quota is unpaid. The excess must be paid off
   * before the next work is accepted. @throws {Problem} quota-exceeded
   */
  spend(tenant: string, work: number): void {
    const own = this.own(tenant);
    const quota = this.quotasOf(tenant).work_per_second;
    if (quota !== undefined) {
      this.payOff(own, quota, this.clock());
      if (own.debt >= quota) {
        const seconds = Math.max(1, Math.ceil((own.debt - quota) / quota));
        const how = `The next is let in after ${seconds} s.`;
        throw quotaExceeded('work_per_second', Math.round(own.debt), quota, how, seconds);
      }
    }
    this.add(tenant, work);
  }

  /** Counts work that is done. */
  add(tenant: string, work: number): void {
    const own = this.own(tenant);
    const now = this.clock();
    const quota = this.quotasOf(tenant).work_per_second;
    if (quota !== undefined) {
      this.payOff(own, quota, now);
      own.debt += work;
      own.untold += work;
    }
    own.work.add(work, now);
    this.observer?.spent(tenant, work);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private payOff(own: Own, quota: number, now: number): void {
    own.debt = Math.max(0, own.debt - (quota * Math.max(0, now - own.debtAt)) / 1_000);
    own.debtAt = now;
  }

  private own(tenant: string): Own {
    const known = this.tenants.get(tenant);
    if (known) return known;
    if (this.tenants.size >= MAX_TENANTS) this.forgetIdle();
    const now = this.clock();
    const own = {
      requests: new SecondCounter(),
      work: new SecondCounter(),
      connections: 0,
      debt: 0,
      debtAt: now,
      untold: 0,
    };
    this.tenants.set(tenant, own);
    return own;
  }

  private forgetIdle(): void {
    const now = this.clock();
    for (const [tenant, own] of this.tenants) {
      const quota = this.quotasOf(tenant).work_per_second;
      if (quota === undefined) own.debt = 0;
      else this.payOff(own, quota, now);
      if (own.connections + own.untold + own.debt === 0) this.tenants.delete(tenant);
    }
  }

  private tell(): void {
    const now = this.clock();
    const loads: Entry[] = [];
    for (const [tenant, own] of this.tenants) {
      const [requests, work] = [own.requests.last(now), own.work.last(now)];
      if (own.untold + requests + work + own.connections === 0) continue;
      loads.push([tenant, own.untold, requests, work, own.connections]);
      own.untold = 0;
    }
    if (loads.length === 0) return;
    const message = `${KIND},"from":"${this.name}","loads":${JSON.stringify(loads)}}\n`;
    void this.bus?.broadcast(Buffer.from(message)).catch(() => undefined);
  }

  private hear(message: Uint8Array): void {
    const text = Buffer.from(message.buffer, message.byteOffset, message.length);
    if (text.toString('latin1', 0, KIND.length) !== KIND) return;
    const { from, loads } = JSON.parse(text.toString()) as { from: string; loads: readonly Entry[] };
    const now = this.clock();
    for (const [tenant, spent, requests, work, connections] of loads) {
      const told = this.others.get(tenant) ?? new Map<string, Told>();
      told.set(from, { requests, work, connections, until: now + BELIEVED_MS });
      this.others.set(tenant, told);
      const quota = this.quotasOf(tenant).work_per_second;
      if (quota === undefined || spent === 0) continue;
      const own = this.own(tenant);
      this.payOff(own, quota, now);
      own.debt += spent;
    }
    for (const [tenant, told] of this.others) {
      for (const [process, { until }] of told) if (until <= now) told.delete(process);
      if (told.size === 0) this.others.delete(tenant);
    }
  }
}
