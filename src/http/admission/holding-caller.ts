import type { Caller } from '../../domain/caller.ts';
import type { Callers } from '../callers/callers.ts';
import type { Account } from './in-flight.ts';

/** What an answer as text takes for each byte of its result, where it is made before any of it is sent: four bytes are up to thirteen characters. */
export const TEXT_TIMES = 3;

/** Whoever sent several messages or requests that are carried out together. What they hold is free when they are over. */
export class HoldingCaller implements Caller {
  readonly client: string;
  readonly signal: AbortSignal | undefined;
  private readonly account: Account;
  private readonly times: number;
  private held = 0;

  /** `times`: what an answer takes for each byte of its result. */
  constructor(client: string, account: Account, signal?: AbortSignal, times = TEXT_TIMES) {
    this.client = client;
    this.account = account;
    this.signal = signal;
    this.times = times;
  }

  hold(bytes: number): void {
    if (!this.account.admits(this.client, bytes, this.held)) throw this.account.overloaded();
    this.account.add(this.client, bytes);
    this.held += bytes;
  }

  holdResult(bytes: number): void {
    this.hold(this.times * bytes);
  }

  free(): void {
    this.account.add(this.client, -this.held);
    this.held = 0;
  }
}

/** Does work for whoever it is done for now. What it holds is free when it is over. */
export function holdingApart({ current, run }: Callers, account: Account) {
  return async <T>(work: () => Promise<T>): Promise<T> => {
    const { client, signal } = current();
    const own = new HoldingCaller(client, account, signal);
    try {
      return await run(own, work);
    } finally {
      own.free();
    }
  };
}
