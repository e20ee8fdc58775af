import type { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { tensorName } from '../../src/domain/snapshot.ts';
import { openCheckpoint } from '../support/checkpoint-files.ts';
import { RetryingClient } from './client.ts';
import { type Answer, createAgent, exchange, NoAnswer } from './exchange.ts';
import { createRandom, type Random } from './random.ts';
import type { RunOptions } from './run-options.ts';
import type { ServiceProcess } from './service-process.ts';
import { CELL_ID, isChange, requestOf, type SessionCall, toldBy } from './session-calls.ts';
import { SessionHistories } from './session-histories.ts';
import { type Pair, ROTATING_CELL } from './session-model.ts';
import { TOPOLOGIES } from './topologies.ts';
import { Workload } from './workload.ts';

/** The size counts calls. */
export interface Histories extends RunOptions {
  /** Calls under way at once, and sessions that they are about. */
  readonly clients?: number;
  readonly sessions?: number;
  /** Milliseconds for which a client sends a call again and again. */
  readonly patience?: number;
  /** Where the replicas are. */
  readonly urls: () => readonly string[];
  /** Disturbs the replicas, again and again, until the calls are made. */
  readonly disturb?: (random: Random) => Promise<void>;
}

export interface HistoryReport {
  readonly calls: number;
  readonly sessions: number;
  /** Calls whose outcome nobody knows. */
  readonly unknown: number;
}

/**
 * Clients make calls on sessions that they share, on any replica; some hang up early and send the call again with its
 * key, some hang up and never learn what became of it. Then every session's history is checked.
 * @throws {Error} with every session whose answers no order of its calls explains
 */
export async function checkHistories(options: Histories): Promise<HistoryReport> {
  const run = new HistoryRun(options);
  await run.run();
  const { histories } = run;
  const faults = histories.faults();
  if (faults.length > 0) throw new Error(`SEED=${options.seed}: ${faults.join('\n\n')}`);
  return { calls: run.calls, sessions: histories.sessions, unknown: histories.unknown };
}

/** The same over processes and a Redis of their own, which are stopped for a moment, cut off and killed meanwhile. */
export async function replicaHistories(
  options: Omit<Histories, 'urls' | 'disturb'>,
): Promise<HistoryReport & { readonly disturbances: Readonly<Record<string, number>> }> {
  const topology = await TOPOLOGIES.redis.start();
  const disturbances: Record<string, number> = {};
  const disturb = async (random: Random) => {
    await delay(random.integer(100, 2_000));
    const what = random.chance(0.15)
      ? await topology.strike(random)
      : await pause(random.pick(topology.services), random);
    disturbances[what] = (disturbances[what] ?? 0) + 1;
  };
  try {
    return { ...(await checkHistories({ ...options, urls: () => topology.urls(), disturb })), disturbances };
  } finally {
    await topology.stop();
  }
}

/** As a long pause of the machine; the others go on, and their clients hear nothing of this one. */
async function pause(service: ServiceProcess, random: Random): Promise<string> {
  service.signal('SIGSTOP');
  await delay(random.integer(20, 400));
  service.signal('SIGCONT');
  return 'pause';
}

class HistoryRun {
  readonly histories = new SessionHistories();
  calls = 0;
  private readonly options: Histories;
  private readonly random: Random;
  private readonly workload: Workload;
  private readonly agent: Agent;
  private stopped = false;

  constructor(options: Histories) {
    this.options = options;
    this.random = createRandom(options.seed);
    this.workload = new Workload(this.random.fork(), options.sessions ?? 32);
    this.agent = createAgent(128);
  }

  async run(): Promise<void> {
    const { clients = 24, disturb } = this.options;
    const body = { id: CELL_ID, ...ROTATING_CELL };
    const made = await this.client(this.random).send({ method: 'POST', path: '/v1/cells', body });
    if (made.answer.status !== 201) throw new Error(made.answer.text);
    const disturbed = this.disturbed(disturb);
    const ended = Promise.all(Array.from({ length: clients }, (_, n) => this.work(n))).finally(() => {
      this.stopped = true;
    });
    await Promise.all([ended, disturbed]);
    this.agent.destroy();
  }

  private async disturbed(disturb: Histories['disturb']): Promise<void> {
    const random = this.random.fork();
    while (disturb && !this.stopped) await disturb(random);
  }

  private async work(client: number): Promise<void> {
    const random = this.random.fork();
    for (let n = 0; this.calls < this.options.size && !this.stopped; n++) {
      this.calls += 1;
      if (this.calls % 5_000 === 0) this.options.progress?.(`${this.calls} calls`);
      const call = this.workload.next();
      // What makes something new is asked until it is known, so that it can be used.
      const insists = call.kind === 'fork' || call.kind === 'save' || random.chance(0.6);
      if (insists) await this.insist(call, `c${client}-${n}`, random);
      else await this.ask(call, random);
    }
  }

  /** Sends the call with a key until it is answered, and at times hangs up early on the way. */
  private async insist(call: SessionCall, key: string, random: Random): Promise<void> {
    let first: number | undefined;
    let last = 0;
    const client = this.client(random, random.chance(0.1) ? random.next() * 20 : 10_000);
    const { answer, unknown } = await client.send({ ...requestOf(call), key }, () => {
      last = this.histories.now();
      first ??= last;
    });
    const refused = answer.status >= 400;
    // An attempt that was not answered may still come to it, after another one was refused.
    if (refused && unknown > 0 && isChange(call)) this.histories.unanswered(call.session, call, first ?? last);
    await this.answered(call, answer, (refused ? last : first) ?? last);
  }

  /** Sends the call once; whoever hangs up does not learn what became of it. */
  private async ask(call: SessionCall, random: Random): Promise<void> {
    const called = this.histories.now();
    const patience = random.chance(0.2) ? random.next() * 20 : 10_000;
    const url = random.pick(this.options.urls());
    const answer = await exchange(this.agent, url, requestOf(call), patience).catch((error: unknown) => {
      if (error instanceof NoAnswer) return undefined;
      throw error;
    });
    if (answer && answer.status !== 503) {
      if (answer.status >= 500) throw new Error(`${JSON.stringify(call)}: ${answer.text}`);
      return this.answered(call, answer, called);
    }
    if (isChange(call)) this.histories.unanswered(call.session, call, called);
    await delay(random.next() * 50);
  }

  private async answered(call: SessionCall, answer: Answer, called: number): Promise<void> {
    // It was not carried out, for others came first again and again.
    if (answer.body?.code === 'conflict') return;
    for (const told of toldBy(call, answer)) {
      this.histories.answered(told, called);
      this.workload.learn(told);
    }
    if (call.kind === 'save' && answer.status < 300) await this.saved(call.session, answer.body.id, called);
  }

  /** What a checkpoint holds is what its session was when it was saved. */
  private async saved(session: string, id: string, called: number): Promise<void> {
    const answered = this.histories.now();
    const content = await this.download(`/v1/checkpoints/${id}/content`);
    const { manifest, shapes, read } = await openCheckpoint(content);
    const { step, history: limit = 0 } = manifest.sessions[0];
    const name = tensorName.session(session, 0);
    if (!shapes.has(name)) throw new Error(`checkpoint '${id}' does not hold session '${session}'`);
    const saved = await read(name);
    const state: Pair = [Number(saved.data[0]), Number(saved.data[1])];
    const operation = { session, input: { kind: 'copy' } as const, output: { step, state, limit } };
    this.histories.answered(operation, called, answered);
    this.workload.saved(session, { id, step, state, limit });
  }

  private async download(path: string): Promise<Uint8Array> {
    for (;;) {
      const response = await fetch(this.random.pick(this.options.urls()) + path).catch(() => undefined);
      if (response?.status === 200) return new Uint8Array(await response.arrayBuffer());
      if (response?.status === 404) throw new Error(`${path}: it was saved, and is lost`);
      await delay(50);
    }
  }

  private client(random: Random, firstMilliseconds = 10_000): RetryingClient {
    const { urls, patience } = this.options;
    return new RetryingClient({ agent: this.agent, urls, random, milliseconds: 10_000, firstMilliseconds, patience });
  }
}
