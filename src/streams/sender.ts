import type { FastifyRequest } from 'fastify';
import type { Caller } from '../domain/caller.ts';
import { type Callers, clientOf } from '../http/callers.ts';
import type { Account } from '../http/in-flight.ts';

/** Who the messages of a request or a socket come from: each message counts as a request of theirs would. */
export class Sender {
  private readonly request: FastifyRequest;
  private readonly callers: Callers;
  /** Says that nobody waits for answers any more. */
  private readonly signal: AbortSignal;

  constructor(request: FastifyRequest, callers: Callers, signal: AbortSignal) {
    this.request = request;
    this.callers = callers;
    this.signal = signal;
  }

  /** Whether a message may be refused because of how many came. */
  get isRated(): boolean {
    return this.request.server.isRated?.(this.request) ?? false;
  }

  /**
   * Carries out one message in the queues of its sender, or several if they are not rated. What it holds is free afterwards.
   * @throws {Problem} too-many-requests
   */
  async carryOut<T>(act: () => Promise<T>, messages = 1): Promise<T> {
    const { server, identity } = this.request;
    server.countRequest(identity.tenant, messages);
    if (this.isRated) await server.requireRate?.(this.request);
    const caller = new MessageCaller(clientOf(this.request), server.account, this.signal);
    try {
      return await this.callers.run(caller, act);
    } finally {
      caller.free();
    }
  }
}

class MessageCaller implements Caller {
  readonly client: string;
  readonly signal: AbortSignal;
  private readonly account: Account;
  private held = 0;

  constructor(client: string, account: Account, signal: AbortSignal) {
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
