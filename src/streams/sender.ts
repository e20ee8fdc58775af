import type { FastifyRequest } from 'fastify';
import { HoldingCaller } from '../http/admission/holding-caller.ts';
import { type Callers, clientOf } from '../http/callers/callers.ts';
import type { AnswerForm, Written } from './answer-form.ts';

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
   * Carries out one message in the queues of its sender, or several if they are not rated. What it holds is free afterwards;
   * its result counts as answers of this form do. @throws {Problem} too-many-requests
   */
  async carryOut<T>(act: () => Promise<T>, { times }: Pick<AnswerForm<Written>, 'times'>, messages = 1): Promise<T> {
    const { server, identity } = this.request;
    server.countRequest(identity.tenant, messages);
    if (this.isRated) await server.requireRate?.(this.request);
    const caller = new HoldingCaller(clientOf(this.request), server.account, this.signal, times);
    try {
      return await this.callers.run(caller, act);
    } finally {
      caller.free();
    }
  }
}
