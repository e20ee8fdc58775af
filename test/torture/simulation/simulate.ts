import { tensorName } from '../../../src/domain/snapshot.ts';
import { Tensor } from '../../../src/domain/tensor.ts';
// The services load it with their first restore, and loading takes time of the real clock.
import '../../../src/services/checkpoints/restore-checkpoint.ts';
import { openCheckpoint } from '../../support/checkpoint-files.ts';
import { comesAgain } from '../client.ts';
import type { Answer } from '../exchange.ts';
import { createRandom, type Random } from '../random.ts';
import type { RunOptions } from '../run-options.ts';
import { CELL_ID, isChange, type SessionCall, toldBy } from '../session-calls.ts';
import { SessionHistories } from '../session-histories.ts';
import { ROTATING_CELL } from '../session-model.ts';
import { Workload } from '../workload.ts';
import { Scheduler } from './scheduler.ts';
import { serveCall } from './serve-call.ts';
import { SimulatedReplica, type SimulatedWorld } from './simulated-replica.ts';
import { type Lie, SimulatedData, type StoreFaults } from './simulated-store.ts';

export interface Simulation extends Pick<RunOptions, 'seed'> {
  readonly lie?: Lie;
}

export interface SimulationReport {
  readonly calls: number;
  readonly unknown: number;
  readonly deaths: number;
  /** Simulated milliseconds. */
  readonly milliseconds: number;
  /** Of all that happened; the same for the same seed. */
  readonly digest: string;
}

const REPLICAS = 3;
const CLIENTS = 4;
const SESSIONS = 3;
const CALLS = 10;
const MAX_MILLISECONDS = 100_000;
const stoppedClock = () => 0;
const NO_FAULTS: StoreFaults = { lost: 0, unanswered: 0, late: 0, deadly: 0 };

/**
 * A few clients, three replicas of the real use cases, a store and a network that delay, lose, repeat and cut off, all in
 * one thread and in a time of their own: the seed decides everything that happens.
 * @throws {Error} where the history of a session is not linearizable, where somebody waits for ever, or on a 500
 */
export async function simulate(options: Simulation): Promise<SimulationReport> {
  if (performance.now === stoppedClock) throw new Error('Run one simulation at a time: each stops the same clock.');
  const { now } = performance;
  // Work is cut into slices by the clock, which no seed decides.
  performance.now = stoppedClock;
  try {
    return await new Simulated(options).run();
  } catch (error) {
    throw new Error(`SEED=${options.seed}: ${(error as Error).message}`, { cause: error });
  } finally {
    performance.now = now;
  }
}

/** So many simulations, of the seeds from `seed` on. @throws {Error} as `simulate`, with the first seed that fails */
export async function simulateSeeds({
  seed,
  size,
  lie,
  progress,
}: RunOptions & Simulation): Promise<Omit<SimulationReport, 'digest'>> {
  const sum = { calls: 0, unknown: 0, deaths: 0, milliseconds: 0 };
  for (let n = 0; n < size; n++) {
    const report = await simulate({ seed: seed + n, lie });
    for (const name of ['calls', 'unknown', 'deaths', 'milliseconds'] as const) sum[name] += report[name];
    if ((n + 1) % 1_000 === 0) progress?.(`${n + 1} seeds, ${sum.calls} calls, ${sum.deaths} deaths`);
  }
  return { ...sum, milliseconds: Math.round(sum.milliseconds) };
}

class Simulated {
  private readonly scheduler = new Scheduler();
  private readonly histories = new SessionHistories(() => this.scheduler.now);
  private readonly random: Random;
  private readonly workload: Workload;
  private readonly world: SimulatedWorld;
  private readonly replicas: SimulatedReplica[];
  /** For this seed: how bad the store is, and the network. */
  private storeFaults = NO_FAULTS;
  private network = { lost: 0, repeated: 0 };
  private calls = 0;
  private failure: unknown;

  constructor({ seed, lie }: Simulation) {
    this.random = createRandom(seed);
    this.workload = new Workload(this.random.fork(), SESSIONS);
    const { scheduler } = this;
    const faults = () => this.storeFaults;
    this.world = { scheduler, random: this.random.fork(), data: new SimulatedData(lie), faults, ids: 0 };
    this.replicas = Array.from({ length: REPLICAS }, () => new SimulatedReplica(this.world));
  }

  async run(): Promise<SimulationReport> {
    const { scheduler, random, histories } = this;
    await this.until(this.makeCell());
    const rate = () => (random.chance(0.3) ? 0 : random.next() * 0.04);
    this.storeFaults = { lost: rate(), unanswered: rate(), late: rate(), deadly: rate() };
    this.network = { lost: rate() * 3, repeated: rate() * 3 };
    await this.until(Promise.all(Array.from({ length: CLIENTS }, (_, n) => this.client(n, random.fork()))));
    // Whatever is under way comes to its end, and then everybody sees the same.
    this.storeFaults = NO_FAULTS;
    this.network = { lost: 0, repeated: 0 };
    await this.until(scheduler.sleep(1_000, 'quiet'));
    await this.until(this.look(random.fork()));
    const faults = histories.faults();
    if (faults.length > 0) throw new Error(faults.join('\n\n'));
    const deaths = this.replicas.reduce((sum, replica) => sum + replica.deaths, 0);
    const { now: milliseconds } = scheduler;
    return { calls: this.calls, unknown: histories.unknown, deaths, milliseconds, digest: scheduler.digest() };
  }

  private async until(task: Promise<unknown>): Promise<void> {
    let done = false;
    task.then(
      () => {
        done = true;
      },
      (error: unknown) => {
        this.failure = error;
      },
    );
    await this.scheduler.run(() => done || this.failure !== undefined, MAX_MILLISECONDS);
    if (this.failure !== undefined) throw this.failure;
  }

  private async makeCell(): Promise<void> {
    const { class_name, config, input_shape, weights: values } = ROTATING_CELL;
    const weights = Object.fromEntries(
      Object.entries(values).map(([name, rows]) => [
        name,
        new Tensor('float32', [2, 2], Float32Array.from(rows.flat())),
      ]),
    );
    const cell = { framework: 'keras', class_name, config, precision: 'exact', input_shape, weights } as const;
    await this.replicas[0].services?.cells.create(cell, CELL_ID, { answer: String });
  }

  private async client(client: number, random: Random): Promise<void> {
    for (let n = 0; n < CALLS; n++) {
      await this.scheduler.sleep(random.next() * 20, `client ${client}`);
      const call = this.workload.next();
      const insists = call.kind === 'fork' || call.kind === 'save' || random.chance(0.7);
      if (insists) await this.insist(call, `c${client}-${n}`, random);
      else await this.ask(call, random);
    }
  }

  private async look(random: Random): Promise<void> {
    for (const session of this.histories.names()) {
      for (const kind of ['read', 'list'] as const) await this.insist({ session, kind }, 'look', random);
    }
  }

  /** Until it is answered, whichever replica that takes. */
  private async insist(call: SessionCall, key: string, random: Random): Promise<void> {
    const first = this.histories.now();
    for (let attempts = 1; ; attempts++) {
      const called = attempts === 1 ? first : this.histories.now();
      const sent = await this.exchange(call, key, 50 + random.next() * 250, random);
      const { answer } = sent;
      if (answer && !comesAgain(answer)) {
        const refused = answer.status >= 400;
        const unknown = attempts > 1 || sent.repeated;
        if (refused && unknown && isChange(call)) this.histories.unanswered(call.session, call, first);
        return this.answered(call, answer, refused ? called : first);
      }
      await this.scheduler.sleep(random.next() * 30, 'client waits');
    }
  }

  /** Once, without a key. */
  private async ask(call: SessionCall, random: Random): Promise<void> {
    const called = this.histories.now();
    const { answer } = await this.exchange(call, undefined, 20 + random.next() * 200, random);
    if (answer && !comesAgain(answer)) return this.answered(call, answer, called);
    if (isChange(call)) this.histories.unanswered(call.session, call, called);
  }

  private async answered(call: SessionCall, answer: Answer, called: number): Promise<void> {
    for (const told of toldBy(call, answer)) {
      this.histories.answered(told, called);
      this.workload.learn(told);
    }
    if (call.kind === 'save' && answer.status < 300) await this.saved(call.session, String(answer.body.id), called);
  }

  private async saved(session: string, id: string, called: number): Promise<void> {
    const answered = this.histories.now();
    // The client has what it has saved: this reads it without any faults.
    const replica = new SimulatedReplica({ ...this.world, faults: () => NO_FAULTS });
    const { checkpoints } = replica.services!;
    const { pieces } = await checkpoints.readContent(await checkpoints.read(id));
    const file = new Uint8Array(Buffer.concat(await Array.fromAsync(pieces)));
    const { manifest, read } = await openCheckpoint(file);
    const { data } = await read(tensorName.session(session, 0));
    const { step, history: limit = 0 } = manifest.sessions[0];
    const state = [Number(data[0]), Number(data[1])] as const;
    this.histories.answered({ session, input: { kind: 'copy' }, output: { step, state, limit } }, called, answered);
    this.workload.saved(session, { id, step, state, limit });
  }

  /** One attempt over the network: lost, repeated, late or answered. */
  private async exchange(
    call: SessionCall,
    key: string | undefined,
    milliseconds: number,
    random: Random,
  ): Promise<{ answer?: Answer; repeated: boolean }> {
    const { scheduler, network } = this;
    this.calls += 1;
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
    const label = `${call.kind} ${call.session} ${key ?? ''}`;
    const travels = (what: string, arrive: () => void) => {
      if (!random.chance(network.lost)) scheduler.after(random.next() * 15, `${what} ${label}`, arrive);
    };
    const deliver = (reply: (answer: Answer) => void) => {
      const { services } = random.pick(this.replicas);
      // Nobody listens there: the client is told at once.
      if (!services) return resolve(undefined);
      serveCall(services, call, key).then(
        (answer) => travels(`answer ${answer.status}`, () => reply(answer)),
        (error: unknown) => {
          this.failure = error;
        },
      );
    };
    travels('request', () => deliver(resolve));
    // Only what has a key may be sent again by what is between the client and the service.
    const repeated = key !== undefined && random.chance(network.repeated);
    if (repeated) scheduler.after(random.next() * 100, `repeats ${label}`, () => deliver(() => {}));
    scheduler.after(milliseconds, `time is over ${label}`, () => resolve(undefined));
    return { answer: await promise, repeated };
  }
}
