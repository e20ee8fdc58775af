import { FairQueue } from '../threads/fair-queue.ts';

/** Milliseconds of a turn of the event loop in which requests begin. Those that are left wait for the next turn. */
const TURN_MS = 10;
/** For which a request may have waited to begin, before later ones of its client are refused. */
const WAIT_MS = 50;
/**
 * By the clock both may be so many times as long: on a machine that does other things a process is slow, but a refusal does not make it
 * faster. One that gets a small part of a processor must not let all wait for that either.
 */
const CLOCK_FACTOR = 4;

/** Milliseconds, of the clock and of the processor in this thread. */
export interface Clocks {
  readonly clock: () => number;
  readonly processor: () => number;
}

interface Moment {
  clock: number;
  processor: number;
}

const NEVER: Moment = { clock: Number.POSITIVE_INFINITY, processor: Number.POSITIVE_INFINITY };

interface Waiting {
  readonly begin: () => void;
  /** When the turn ended in which it came: those before it in that turn may have taken long. */
  readonly since: Moment;
}

const CLOCKS: Clocks = {
  clock: () => performance.now(),
  processor: () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  },
};

/**
 * Requests on their way in. Each turn of the event loop begins as many as it has time for; the others wait, and clients take
 * turns. So nobody's flood holds the loop, and a client that asks seldom waits for a turn at most. A client whose first request has waited
 * for long gets no other in: what comes would only wait longer.
 */
export class Intake {
  private readonly queue = new FairQueue<Waiting>();
  private readonly clocks: Clocks;
  /** When this turn began, while there is one. */
  private turn: Moment | undefined;
  private spent = false;
  /** When this turn will have ended. */
  private end = { ...NEVER };

  constructor(clocks = CLOCKS) {
    this.clocks = clocks;
  }

  /** Whether requests wait. */
  get isBusy(): boolean {
    return this.queue.size > 0;
  }

  /** Whether the client has too much waiting already. */
  isFull(client: string): boolean {
    const first = this.queue.firstOf(client);
    return first !== undefined && this.turn !== undefined && isOver(this.turn, first.since, WAIT_MS);
  }

  /** Begins a request of a client, at once or in a later turn. */
  take(client: string, begin: () => void): void {
    if (!this.turn) this.nextTurn();
    if (!this.isBusy && !this.isSpent()) begin();
    else this.queue.add(client, { begin, since: this.end });
  }

  private nextTurn(): Moment {
    this.turn = this.now();
    this.spent = false;
    setImmediate(() => this.run());
    return this.turn;
  }

  private run(): void {
    this.turn = undefined;
    if (!this.isBusy) return;
    Object.assign(this.end, this.nextTurn());
    this.end = { ...NEVER };
    do this.queue.take()?.begin();
    while (this.isBusy && !this.isSpent());
  }

  private isSpent(): boolean {
    const { turn } = this;
    // The clock costs less to read than the time of the processor.
    if (turn && this.clocks.clock() - turn.clock >= TURN_MS) this.spent ||= isOver(this.now(), turn, TURN_MS);
    return this.spent;
  }

  private now(): Moment {
    return { clock: this.clocks.clock(), processor: this.clocks.processor() };
  }
}

function isOver(now: Moment, since: Moment, ms: number): boolean {
  return now.processor - since.processor >= ms || now.clock - since.clock >= CLOCK_FACTOR * ms;
}
