import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { ClientOptions, Told } from './open-loop-client.ts';

/** What was sent at one rate, and what came of it. */
export interface OpenLoopResult {
  /** How many were answered with each status, in the seconds that count. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Successes a second. */
  readonly perSecond: number;
  /** Milliseconds from when a request was due to its answer, sorted. */
  readonly latencies: Float64Array;
  readonly refusals: Float64Array;
  /** Of the requests that were due, the share for which no connection was free. They are not sent later. */
  readonly unsent: number;
  /** Connections that the service has closed. */
  readonly closed: number;
}

/**
 * Sends requests at a fixed rate, whether the ones before are answered or not, from a process of its own. As clients of HTTP do,
 * it has one request under way on each connection and opens more of them as it needs, up to a limit.
 */
export class OpenLoop {
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown[]>;

  constructor(options: ClientOptions) {
    this.child = fork(new URL('open-loop-client.ts', import.meta.url), { serialization: 'advanced' });
    this.ended = once(this.child, 'exit');
    this.child.send(options);
  }

  /** @throws {Error} where a request is not answered */
  async run(rate: number, seconds: number, warmUpSeconds: number): Promise<OpenLoopResult> {
    this.child.send({ rate, seconds, warmUpSeconds });
    const [told] = (await Promise.race([once(this.child, 'message'), this.ended])) as [Told | number];
    if (typeof told !== 'object' || told === null) throw new Error(`the client ended (${told})`);
    if (told.failure !== undefined) throw new Error(told.failure);
    const { statuses, latencies, refusals, unsent, closed } = told;
    return {
      statuses,
      perSecond: latencies.length / seconds,
      latencies: latencies.sort(),
      refusals: refusals.sort(),
      unsent: unsent / (rate * seconds),
      closed,
    };
  }

  close(): void {
    if (this.child.connected) this.child.disconnect();
  }
}
