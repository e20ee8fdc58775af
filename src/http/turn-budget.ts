/** What may be read in one turn of the event loop before later requests of the same turn are refused. */
const TURN_MS = 20;
/** For so long every turn has to be over it: a queue that one heavy request leaves is worked off without a refusal. */
const CROWDED_MS = 250;
/** A loop that waits for so long between two turns has nothing left to do. */
const IDLE_MS = 2;

/** Milliseconds: of the clock, of the processor in this thread, and of waiting in the event loop. */
export interface Clocks {
  readonly wall: () => number;
  readonly processor: () => number;
  readonly idle: () => number;
}

const CLOCKS: Clocks = {
  wall: () => performance.now(),
  processor: () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  },
  idle: () => performance.nodeTiming.idleTime,
};

/**
 * Decides which requests a process takes while more come than it can carry out. The requests of one turn of the event loop
 * wait for each other, so how long a turn has been reading is how long the last of them has waited at least. While turn
 * follows turn without a pause and each takes longer than its budget, what comes after the budget is spent is turned away, so
 * those that are let in are answered soon. Time in which the machine did other things does not count: it is not the
 * process that has too much to do. The first request of each address in a turn is let in, so one that floods does not shut
 * out the others.
 */
export class TurnBudget {
  /** When this turn read its first request. */
  private began: { readonly wall: number; readonly processor: number } | undefined;
  /** Since when all turns have been over their budget, with no pause between them. */
  private crowdedSince = Number.POSITIVE_INFINITY;
  private idled = 0;
  private readonly met = new Set<string>();
  private readonly clocks: Clocks;

  constructor(clocks = CLOCKS) {
    this.clocks = clocks;
  }

  admits(address: string): boolean {
    const wall = this.clocks.wall();
    if (!this.began) this.begin(wall);
    if (wall - this.crowdedSince < CROWDED_MS || this.crowdedSince > wall || !this.isSpent(wall)) return true;
    if (this.met.has(address)) return false;
    this.met.add(address);
    return true;
  }

  private begin(wall: number): void {
    const idled = this.clocks.idle();
    if (idled - this.idled > IDLE_MS) this.crowdedSince = Number.POSITIVE_INFINITY;
    this.idled = idled;
    this.began = { wall, processor: this.clocks.processor() };
    setImmediate(() => this.end());
  }

  private end(): void {
    const wall = this.clocks.wall();
    this.crowdedSince = this.isSpent(wall) ? Math.min(this.crowdedSince, wall) : Number.POSITIVE_INFINITY;
    this.began = undefined;
    this.met.clear();
  }

  private isSpent(wall: number): boolean {
    const { began } = this;
    // The clock costs less to read than the time of the processor.
    return began !== undefined && wall - began.wall >= TURN_MS && this.clocks.processor() - began.processor >= TURN_MS;
  }
}
