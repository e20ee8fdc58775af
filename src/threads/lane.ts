import type { CurrentCaller } from '../domain/caller.ts';
import { clientGone, Problem } from '../domain/problems.ts';
import { FairQueue } from './fair-queue.ts';

interface LaneOptions {
  /** What goes through it, as a message names it: "large operations". */
  readonly what: string;
  /** How many are done at once. Of one client it is one, so that the others need not wait until that is over. */
  readonly atOnce: number;
  readonly caller: CurrentCaller;
  /** How many may wait, of one client and of all. */
  readonly waiting?: { readonly each: number; readonly all: number };
}

const MOST_WAITING = { each: 16, all: 256 };
const RETRY_SECONDS = 5;

interface Waiting {
  readonly client: string;
  readonly begin: () => void;
}

/** A lane for long work. Clients take turns, the queue is bounded, and whoever hangs up leaves it. */
export class Lane {
  private readonly options: LaneOptions;
  private readonly queue = new FairQueue<Waiting>();
  private readonly busy = new Set<string>();

  constructor(options: LaneOptions) {
    this.options = options;
  }

  /** `work` ends early where its signal says so. @throws {Problem} overloaded, client-gone */
  async run<T>(work: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
    const { client, signal } = this.options.caller();
    await this.enter(client, signal);
    try {
      if (signal?.aborted) throw clientGone();
      return await work(signal);
    } finally {
      this.busy.delete(client);
      this.advance();
    }
  }

  private enter(client: string, signal: AbortSignal | undefined): Promise<void> {
    const { each, all } = this.options.waiting ?? MOST_WAITING;
    const own = this.queue.sizeOf(client);
    if (own >= each || this.queue.size >= all) {
      const those =
        own >= each ? `${own} ${this.options.what} of this client` : `${this.queue.size} ${this.options.what}`;
      const detail = `${those} wait already. Send it again later.`;
      throw new Problem('overloaded', detail, { retryAfterSeconds: RETRY_SECONDS });
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.queue.remove(client, waiting);
        reject(clientGone());
      };
      const begin = () => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const waiting = { client, begin };
      signal?.addEventListener('abort', leave, { once: true });
      this.queue.add(client, waiting);
      this.advance();
    });
  }

  private advance(): void {
    while (this.busy.size < this.options.atOnce) {
      const next = this.queue.take((client) => !this.busy.has(client));
      if (!next) return;
      this.busy.add(next.client);
      next.begin();
    }
  }
}
