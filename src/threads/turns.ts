import { AsyncLocalStorage } from 'node:async_hooks';
import { FairQueue } from './fair-queue.ts';
import { behindTurnEnd } from './turn-end.ts';

/**
 * By the clock something may wait so many times as long as by the processor: on a machine that does other things a process is slow, and
 * refusals do not make it faster. One that gets a small part of a processor must not let all wait for that either.
 */
const CLOCK_FACTOR = 4;
/** Pieces of work that may begin in one turn. */
const MOST_BEGUN = 256;
/** Those of them that may begin beyond the time of the turn. */
const MOST_BEYOND = 16;

/** Milliseconds, of the clock and of the processor in this thread. */
export interface Clocks {
  readonly clock: () => number;
  readonly processor: () => number;
}

interface Moment {
  clock: number;
  processor: number;
}

/** That of Node, also where a test has its own for a while: the turns of a thread outlive it. */
const { setImmediate } = globalThis;
/** What waits does not begin in the context of whatever else had come. */
const outside = AsyncLocalStorage.snapshot();

const NEVER: Moment = { clock: Number.POSITIVE_INFINITY, processor: Number.POSITIVE_INFINITY };

interface Waiting {
  readonly client: string;
  readonly begin: () => void;
  /** When the turn ended in which it came: those before it in that turn may have taken long. */
  readonly since: Moment;
}

export const CLOCKS: Clocks = {
  clock: () => performance.now(),
  processor: () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  },
};

/**
 * Work that waits for its turn of the event loop. Each turn begins as much as it has milliseconds for, and one piece at least; the rest
 * waits for the next, and clients take turns. So nobody's work holds the loop, and a client that asks seldom waits for a turn at most.
 */
export class Turns {
  private readonly queue = new FairQueue<Waiting>();
  private readonly ms: () => number;
  private readonly clocks: Clocks;
  /** When this turn began, while there is one. */
  private turn: Moment | undefined;
  /** When the first piece of this turn began, by the clock. */
  private since = 0;
  private spent = false;
  /** How many pieces have begun in this turn, and those of each client that is counted. */
  private begun = 0;
  private readonly begunBy = new Map<string, number>();
  /** Those that began beyond its time. */
  private beyond = 0;
  /** How many may begin that wait. */
  private places = 0;
  /** When this turn will have ended. */
  private end = { ...NEVER };

  /** No more begins after so many milliseconds of a turn, whatever was done in them. */
  constructor(ms: () => number, clocks = CLOCKS) {
    this.ms = ms;
    this.clocks = clocks;
  }

  /** Whether something waits. */
  get isBusy(): boolean {
    return this.queue.size > 0;
  }

  /** Whether the first of a client has waited for so many milliseconds of the processor, or long by the clock. */
  hasWaited(client: string, ms: number): boolean {
    const first = this.queue.firstOf(client);
    return first !== undefined && this.turn !== undefined && isOver(this.turn, first.since, ms);
  }

  /** Whether something may begin at once: this turn has time left, and nothing waits. */
  get hasTime(): boolean {
    if (!this.turn) this.beginTurn();
    const hasTime = !this.isBusy && !this.isSpent();
    if (hasTime) this.begun++;
    return hasTime;
  }

  /**
   * The same for a short piece of a client. A client that asks seldom may begin also when others have used up the time of the turn: it
   * does not wait for them.
   */
  mayBegin(client: string): boolean {
    if (!this.hasTime) {
      const isSmallPart = 2 * (this.begunBy.get(client) ?? 0) < this.begun && this.queue.sizeOf(client) === 0;
      if (!isSmallPart || this.beyond === MOST_BEYOND) return false;
      this.beyond++;
      this.begun++;
    }
    this.countFor(client);
    return true;
  }

  private countFor(client: string): void {
    this.begunBy.set(client, (this.begunBy.get(client) ?? 0) + 1);
  }

  /** Begins a piece of a client's work when it is its turn. */
  add(client: string, begin: () => void): void {
    if (!this.turn) this.beginTurn();
    this.queue.add(client, { client, begin, since: this.end });
    this.makePlaces();
  }

  private beginTurn(): Moment {
    this.turn = this.now();
    this.since = this.turn.clock;
    this.spent = false;
    this.begun = 0;
    this.begunBy.clear();
    this.beyond = 0;
    setImmediate(() => this.endTurn());
    return this.turn;
  }

  private endTurn(): void {
    this.turn = undefined;
    if (!this.isBusy) return;
    Object.assign(this.end, this.beginTurn());
    this.end = { ...NEVER };
  }

  /**
   * An immediate for each that waits, so that what one does at once, in promises too, is over before the next begins. What waits for the end
   * of the turn goes first: it is short, and its commit is synced while pieces of others are worked on.
   */
  private makePlaces(): void {
    while (this.places < Math.min(this.queue.size, MOST_BEGUN)) {
      this.places++;
      setImmediate(outside, () => behindTurnEnd(() => this.beginNext()));
    }
  }

  private beginNext(): void {
    this.places--;
    if (this.begun === 0) {
      // What the turn did before, such as reading bodies, has bounds of its own. Otherwise one piece a turn would be left for all that wait.
      this.since = this.clocks.clock();
      this.spent = false;
    }
    const next = this.begun === 0 || !this.isSpent() ? this.queue.take() : undefined;
    if (next) {
      this.begun++;
      this.countFor(next.client);
      next.begin();
    }
    this.makePlaces();
  }

  /** By the clock: Linux counts the time of the processor in ticks of some milliseconds. */
  private isSpent(): boolean {
    this.spent ||= this.turn !== undefined && this.clocks.clock() - this.since >= this.ms();
    return this.spent;
  }

  private now(): Moment {
    return { clock: this.clocks.clock(), processor: this.clocks.processor() };
  }
}

function isOver(now: Moment, since: Moment, ms: number): boolean {
  return now.processor - since.processor >= ms || now.clock - since.clock >= CLOCK_FACTOR * ms;
}
