import { createHash } from 'node:crypto';

interface Event {
  readonly at: number;
  readonly order: number;
  readonly label: string;
  readonly run: () => void;
}

/**
 * Time that passes only from one event to the next. Everything that the services wait for comes from here, so what
 * happens, and in which order, is decided by what is scheduled alone.
 */
export class Scheduler {
  private readonly trace = createHash('sha256');
  private events: Event[] = [];
  private scheduled = 0;
  private time = 0;

  /** Milliseconds since the simulation began. */
  get now(): number {
    return this.time;
  }

  /** `label` goes into the trace. */
  after(milliseconds: number, label: string, run: () => void): void {
    const event = { at: this.time + milliseconds, order: this.scheduled++, label, run };
    let low = 0;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.events[middle].at > event.at) low = middle + 1;
      else high = middle;
    }
    // The next one stands last.
    this.events.splice(low, 0, event);
  }

  sleep(milliseconds: number, label: string): Promise<void> {
    return new Promise((resolve) => this.after(milliseconds, label, resolve));
  }

  /** Lets events happen until `done` holds. @throws {Error} when nothing is left to happen, or it takes too long. */
  async run(done: () => boolean, maxMilliseconds: number): Promise<void> {
    await allPromises();
    while (!done()) {
      const event = this.events.pop();
      if (!event) throw new Error(`nothing is left to happen at ${this.time} ms, and somebody still waits`);
      if (event.at > maxMilliseconds) throw new Error(`somebody still waits after ${maxMilliseconds} ms`);
      this.time = event.at;
      this.trace.update(`${event.at} ${event.label}\n`);
      event.run();
      await allPromises();
    }
  }

  /** A digest of all that has happened, and when. */
  digest(): string {
    return this.trace.copy().digest('hex');
  }
}

/** Resolves when everything that was waiting for promises alone has gone as far as it can. */
function allPromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
