/** A turn of the event loop that reads for longer is crowded. */
const CROWDED_TURN_MS = 20;
/** For so long crowded turns have to recur: a queue that one heavy request leaves is worked off without a refusal. */
const CROWDED_MS = 250;
/** Within which they recur. Turns between them may be short: those in which answers come from the disk. */
const RECUR_MS = 100;
/**
 * What is read in a turn then, before later requests of the same turn are refused. The turn has also to carry out what was read,
 * and a request may wait for three of them.
 */
const ADMITTED_MS = 10;
/** By the clock it may take so many times as long: a process that gets less of the machine than it needs must not let all wait for that. */
const CLOCK_FACTOR = 4;
/** Requests of each address in a turn that are let in nevertheless. */
const SHARE = 4;
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
 * follows turn without a pause and crowded ones recur, what comes after the turn's budget is spent is turned away, so
 * those that are let in are answered soon. Time in which the machine did other things counts only where it is a multiple: then
 * it is hardly the process that has too much to do. A few requests of each address in a turn are let in, so one that floods does not shut
 * out the others.
 */
export class TurnBudget {
  /** Whether there is too much to do. */
  isCrowded = false;
  /** When this turn read its first request. */
  private began: { readonly wall: number; readonly processor: number } | undefined;
  private spent = false;
  /** Since when crowded turns have recurred, with no pause between them, and when the last of them ended. */
  private crowdedSince = Number.POSITIVE_INFINITY;
  private lastCrowded = 0;
  private idled = 0;
  private readonly met = new Map<string, number>();
  private readonly clocks: Clocks;

  constructor(clocks = CLOCKS) {
    this.clocks = clocks;
  }

  admits(address: string): boolean {
    if (!this.began) this.begin();
    if (!this.isCrowded) return true;
    this.spent ||= this.hasRead(ADMITTED_MS);
    if (!this.spent) return true;
    const met = this.met.get(address) ?? 0;
    if (met < SHARE) this.met.set(address, met + 1);
    return met < SHARE;
  }

  private begin(): void {
    const idled = this.clocks.idle();
    if (idled - this.idled > IDLE_MS) this.clear();
    this.idled = idled;
    this.began = { wall: this.clocks.wall(), processor: this.clocks.processor() };
    setImmediate(() => this.end());
  }

  private end(): void {
    const wall = this.clocks.wall();
    if (this.hasRead(this.isCrowded ? ADMITTED_MS : CROWDED_TURN_MS)) {
      this.crowdedSince = Math.min(this.crowdedSince, wall);
      this.lastCrowded = wall;
      this.isCrowded = wall - this.crowdedSince >= CROWDED_MS;
    } else if (wall - this.lastCrowded >= RECUR_MS) this.clear();
    this.began = undefined;
    this.spent = false;
    this.met.clear();
  }

  private clear(): void {
    this.crowdedSince = Number.POSITIVE_INFINITY;
    this.isCrowded = false;
  }

  /** Whether this turn has read for so many milliseconds of the processor. */
  private hasRead(ms: number): boolean {
    const { began } = this;
    if (!began) return false;
    // The clock costs less to read than the time of the processor.
    const passed = this.clocks.wall() - began.wall;
    if (passed < ms) return false;
    return passed >= CLOCK_FACTOR * ms || this.clocks.processor() - began.processor >= ms;
  }
}
