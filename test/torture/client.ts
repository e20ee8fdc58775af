import type { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, exchange, NoAnswer, type Sent } from './exchange.ts';
import type { Random } from './random.ts';

/** How a request ended that was sent until it was answered. */
export interface Outcome {
  readonly answer: Answer;
  readonly attempts: number;
  /** Attempts before the last that may have been carried out. */
  readonly unknown: number;
}

export interface ClientOptions {
  readonly agent: Agent;
  /** The replicas that there are now. */
  readonly urls: () => readonly string[];
  readonly random: Random;
  /** For each attempt. */
  readonly milliseconds?: number;
  /** For the first attempt, of a client that gives up early. Its next ones are patient, or a slow call would never be answered. */
  readonly firstMilliseconds?: number;
  /** For all attempts of one request together. */
  readonly patience?: number;
}

/** A client as it should be: it sends a request with its key again until a replica answers, whichever that is. */
export class RetryingClient {
  private readonly options: Required<ClientOptions>;

  constructor(options: ClientOptions) {
    const { milliseconds = 5_000, firstMilliseconds = milliseconds, patience = 120_000 } = options;
    this.options = { ...options, milliseconds, firstMilliseconds, patience };
  }

  /** `onAttempt` comes before each attempt. @throws {Error} when nobody has answered for long, or with a 5xx that is not 503. */
  async send(sent: Sent, onAttempt: () => void = () => {}): Promise<Outcome> {
    const { agent, urls, random, milliseconds, firstMilliseconds, patience } = this.options;
    const end = performance.now() + patience;
    let unknown = 0;
    for (let attempts = 1; ; attempts++) {
      onAttempt();
      const time = attempts === 1 ? firstMilliseconds : milliseconds;
      const answer = await exchange(agent, random.pick(urls()), sent, time).catch(noAnswer);
      if (answer && !comesAgain(answer)) {
        if (answer.status >= 500) throw new Error(`${sent.method} ${sent.path}: ${answer.status} ${answer.text}`);
        return { answer, attempts, unknown };
      }
      // The outcome of a request that is still running elsewhere is not known either.
      unknown += 1;
      const last = answer ? `${answer.status} ${answer.text}` : 'no answer';
      if (performance.now() > end) throw new Error(`${sent.method} ${sent.path}: ${attempts} times in vain: ${last}`);
      await delay(random.next() * Math.min(5 * 2 ** attempts, 200));
    }
  }
}

/** Whether the request should be sent again: nobody knows whether it was carried out, or it still is. */
export function comesAgain({ status, body }: Answer): boolean {
  return status === 503 || (status === 409 && (body?.code === 'in-progress' || body?.code === 'conflict'));
}

function noAnswer(error: unknown): undefined {
  if (!(error instanceof NoAnswer)) throw error;
}
