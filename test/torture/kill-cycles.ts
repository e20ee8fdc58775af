import { setTimeout as delay } from 'node:timers/promises';
import { RetryingClient } from './client.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { type Answer, createAgent } from './exchange.ts';
import { Ledger } from './ledger.ts';
import { createRandom, type Random } from './random.ts';
import { CELL, FEATURES, referenceStep } from './reference-cell.ts';
import type { RunOptions } from './run-options.ts';
import { StreamClient } from './stream-client.ts';
import type { DoorName } from './stream-doors.ts';
import { TOPOLOGIES, type Topology, type TopologyName } from './topologies.ts';

/** The size counts kills. */
export interface KillCycles extends RunOptions {
  readonly sessions?: number;
  /** Clients of each session. */
  readonly clients?: number;
  /** Ways to step all sessions by streams, beside these clients: a client of each, on a way that cuts connections. */
  readonly doors?: readonly DoorName[];
  readonly forgetsKeys?: boolean;
}

export interface KillReport {
  readonly kills: Readonly<Record<string, number>>;
  readonly steps: number;
  /** Steps that needed more than one attempt. */
  readonly retried: number;
  /** Of those, steps that an attempt before the answered one had carried out. */
  readonly replayed: number;
  /** Connections of streams that were cut. */
  readonly cuts: number;
}

/** Kills fall up to so many milliseconds after one of the next requests was sent, or answered. */
const MAX_DELAY = 50;
const MAX_REQUESTS = 20;
/** After so long the service is not only slow. */
const SILENCE = 90_000;
/** A client may meet one kill after another. */
const PATIENCE = 3_600_000;

/** What happens to the services while clients step sessions on them. */
export interface Strikes {
  readonly topology: Topology;
  /** One of them; says what it was. */
  readonly strike: (random: Random) => Promise<string>;
}

interface Session {
  readonly id: string;
  readonly ledger: Ledger;
  /** One of the last steps, and how it was answered. */
  last?: { readonly key: string; readonly inputs: readonly number[]; readonly answer: Answer };
}

/**
 * Clients step sessions and send what was not answered again, with its key; meanwhile something is killed, so many times.
 * @throws {Error} with every acknowledged step that was lost, every step that was applied twice, every bit that differs
 * from the replay.
 */
export async function killCycles(name: TopologyName, options: KillCycles): Promise<KillReport> {
  const topology = await TOPOLOGIES[name].start();
  return underStrikes({ topology, strike: (random) => topology.strike(random) }, options);
}

/** The same with other strikes than kills. */
export async function underStrikes({ topology, strike }: Strikes, options: KillCycles): Promise<KillReport> {
  try {
    return await new KillRun(topology, strike, options).run();
  } catch (error) {
    const printed = topology.services.map(({ output }) => output.slice(-2_000)).join('\n');
    throw new Error(`SEED=${options.seed}: ${(error as Error).message}\n${printed}`, { cause: error });
  } finally {
    await topology.stop();
  }
}

class KillRun {
  private readonly topology: Topology;
  private readonly strike: Strikes['strike'];
  private readonly options: Required<KillCycles>;
  private readonly random: Random;
  private readonly agent = createAgent(256);
  private readonly sessions: Session[];
  private readonly kills: Record<string, number> = {};
  private steps = 0;
  private retried = 0;
  private replayed = 0;
  private stopped = false;
  /** Called when the next request is sent, or answered. */
  private readonly next = { sent: () => {}, answered: () => {} };

  constructor(topology: Topology, strike: Strikes['strike'], options: KillCycles) {
    this.topology = topology;
    this.strike = strike;
    this.options = { sessions: 16, clients: 2, doors: [], forgetsKeys: false, progress: () => {}, ...options };
    this.random = createRandom(options.seed);
    this.sessions = Array.from({ length: this.options.sessions }, (_, n) => {
      return { id: `s${n}`, ledger: new Ledger() };
    });
  }

  async run(): Promise<KillReport> {
    const { size, progress } = this.options;
    await this.open();
    const clients = this.sessions.flatMap((session) => {
      return Array.from({ length: this.options.clients }, (_, n) => this.client(session, n));
    });
    const proxy = new CuttingProxy(() => this.random.pick(this.topology.urls()), this.random.fork());
    await proxy.start();
    const streams = this.options.doors.map((door, n) => this.stream(door, `${door}${n}`, proxy));
    const failed = Promise.all([...clients, ...streams]).then(() => undefined);
    // What a client finds wrong ends the run at once.
    await Promise.race([this.strikes(size, progress), failed]);
    this.stopped = true;
    await failed.finally(() => proxy.stop());
    await this.audit();
    this.agent.destroy();
    const { kills, steps, retried, replayed } = this;
    return { kills, steps, retried, replayed, cuts: proxy.cuts };
  }

  private async open(): Promise<void> {
    const client = this.newClient();
    const bodies = this.sessions.map(({ id }) => ['/v1/sessions', { id, cell: 'cell' }] as const);
    for (const [path, body] of [['/v1/cells', { id: 'cell', ...CELL }] as const, ...bodies]) {
      const { answer } = await client.send({ method: 'POST', path, body });
      if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${answer.text}`);
    }
  }

  private async strikes(cycles: number, progress: (line: string) => void): Promise<void> {
    const random = this.random.fork();
    for (let cycle = 1; cycle <= cycles; cycle++) {
      const event = random.pick(['sent', 'answered'] as const);
      for (let left = random.integer(1, MAX_REQUESTS); left > 0; left--) {
        await this.happens(event);
      }
      await delay(random.next() * MAX_DELAY);
      const what = await this.strike(random);
      this.kills[what] = (this.kills[what] ?? 0) + 1;
      if (cycle % 50 === 0) progress(`${cycle} kills, ${this.steps} steps, ${this.retried} retried`);
    }
  }

  private async happens(event: keyof KillRun['next']): Promise<void> {
    const happened = new Promise<true>((resolve) => {
      this.next[event] = () => resolve(true);
    });
    if (await Promise.race([happened, delay(SILENCE, false, { ref: false })])) return;
    throw new Error(`no request was ${event} for ${SILENCE / 1000} s`);
  }

  private async client(session: Session, n: number): Promise<void> {
    const random = this.random.fork();
    const client = this.newClient();
    for (let sent = 0; !this.stopped; sent++) {
      const inputs = Array.from({ length: FEATURES }, () => Math.fround(random.next() * 2 - 1));
      await this.step(client, session, { key: `c${n}-${sent}`, inputs });
      if (random.chance(0.05)) await this.repeat(client, session);
    }
  }

  private stream(door: DoorName, name: string, proxy: CuttingProxy): Promise<void> {
    const ledgers = new Map(this.sessions.map(({ id, ledger }) => [id, ledger]));
    const client = new StreamClient({
      door,
      name,
      url: () => proxy.url,
      sessions: [...ledgers.keys()],
      random: this.random.fork(),
      sent: () => this.next.sent(),
      stopped: () => this.stopped,
      forgetsKeys: this.options.forgetsKeys,
      answered: ({ key, session, inputs: [inputs] }, { step, output, replayed }, attempts) => {
        this.next.answered();
        this.count(attempts, replayed);
        ledgers.get(session)?.acknowledge({ key, inputs, step, output: output.base64 });
      },
    });
    return client.run();
  }

  private count(attempts: number, replayed: boolean | undefined): void {
    this.steps += 1;
    if (attempts > 1) this.retried += 1;
    if (replayed) this.replayed += 1;
  }

  private async step(
    client: RetryingClient,
    session: Session,
    { key, inputs }: Omit<NonNullable<Session['last']>, 'answer'>,
  ): Promise<void> {
    this.next.sent();
    const { answer, attempts } = await client.send(this.request(session, key, inputs));
    if (answer.status !== 200) throw new Error(`${key} of ${session.id}: ${answer.status} ${answer.text}`);
    this.next.answered();
    this.count(attempts, answer.replayed);
    if (answer.replayed && attempts === 1) throw new Error(`${key} of ${session.id} was sent once and is a replay`);
    const { step, output } = answer.body;
    session.ledger.acknowledge({ key, inputs, step, output: output.base64 });
    session.last = { key, inputs, answer };
  }

  /** What was answered before is answered again, byte for byte, whatever has been killed since. */
  private async repeat(client: RetryingClient, session: Session): Promise<void> {
    const { last } = session;
    if (!last) return;
    const { answer } = await client.send(this.request(session, last.key, last.inputs));
    if (answer.text !== last.answer.text || !answer.replayed) {
      throw new Error(`${last.key} of ${session.id} was answered ${last.answer.text}, and then ${answer.text}`);
    }
  }

  private request({ id }: Session, key: string, inputs: readonly number[]) {
    const body = { inputs: [inputs], tensor_format: 'base64' };
    return { method: 'POST', path: `/v1/sessions/${id}/steps`, key, body } as const;
  }

  private async audit(): Promise<void> {
    const reference = await referenceStep();
    const client = this.newClient();
    const faults: string[] = [];
    for (const { id, ledger } of this.sessions) {
      const { answer } = await client.send({ method: 'GET', path: `/v1/sessions/${id}` });
      const { step, version, states } = answer.body;
      const state = Float32Array.from(states[0][0] as number[]);
      const final = { step, version, state: Buffer.from(state.buffer).toString('base64') };
      faults.push(...ledger.faults(final, reference).map((fault) => `${id}: ${fault}`));
    }
    if (faults.length > 0) throw new Error(faults.join('\n'));
  }

  private newClient(): RetryingClient {
    const urls = () => this.topology.urls();
    return new RetryingClient({ agent: this.agent, urls, random: this.random.fork(), patience: PATIENCE });
  }
}
