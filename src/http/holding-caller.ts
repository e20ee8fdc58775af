import type { Caller } from '../domain/caller.ts';
import type { Account } from './in-flight.ts';

/** Whoever sent several messages or requests that are carried out together. What they hold is free when they are over. */
export class HoldingCaller implements Caller {
  readonly client: string;
  readonly signal: AbortSignal | undefined;
  private readonly account: Account;
  private held = 0;

  constructor(client: string, account: Account, signal?: AbortSignal) {
    this.client = client;
    this.account = account;
    this.signal = signal;
  }

  hold(bytes: number): void {
    if (!this.account.admits(this.client, bytes, this.held)) throw this.account.overloaded();
    this.account.add(this.client, bytes);
    this.held += bytes;
  }

  free(): void {
    this.account.add(this.client, -this.held);
    this.held = 0;
  }
}
