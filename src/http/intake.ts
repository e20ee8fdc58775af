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
/** Requests that may begin in one turn. */
const MOST_BEGUN = 256;

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
 * Requests on their way in: as they come, and once more when a body that is not small is there. Each turn of the event loop begins as many as it has
 * time for; the others wait, and clients take turns. So nobody's flood holds the loop, and a client that asks seldom waits for a turn at
 * most. A client whose first request has waited for long gets no other in: what comes would only wait longer.
 */
export class Intake {
  private readonly queue = new FairQueue<Waiting>();
  private readonly clocks: Clocks;
  /** When this turn began, while there is one. */
  private turn: Moment | undefined;
  private spent = false;
  /** Whether something that waited has begun in this turn. */
  private hasBegun = false;
  /** How many may begin that wait. */
  private places = 0;
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

  /** Begins a request of a client, or goes on with it, at once or in a later turn. */
  take(client: string, begin: () => void): void {
    if (!this.turn) this.beginTurn();
    if (!this.isBusy && !this.isSpent()) begin();
    else {
      this.queue.add(client, { begin, since: this.end });
      this.makePlaces();
    }
  }

  private beginTurn(): Moment {
    this.turn = this.now();
    this.spent = false;
    this.hasBegun = false;
    setImmediate(() => this.endTurn());
    return this.turn;
  }

  private endTurn(): void {
    this.turn = undefined;
    if (!this.isBusy) return;
    Object.assign(this.end, this.beginTurn());
    this.end = { ...NEVER };
  }

  /** An immediate for each that waits, so that what one does at once, in promises too, is over before the next begins. */
  private makePlaces(): void {
    while (this.places < Math.min(this.queue.size, MOST_BEGUN)) {
      this.places++;
      setImmediate(() => this.beginNext());
    }
  }

  private beginNext(): void {
    this.places--;
    if (!this.hasBegun || !this.isSpent()) {
      this.hasBegun = true;
      this.queue.take()?.begin();
    }
    this.makePlaces();
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

declare module 'fastify' {
  interface FastifyInstance {
    readonly intake: Intake;
  }
}
