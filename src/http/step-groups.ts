import type { FastifyRequest } from 'fastify';
import type { Change } from '../services/changes/change.ts';
import type { PlainStep, StepAnswer } from '../services/sessions/plain-step.ts';
import type { TenantServices } from '../services/tenants/index.ts';
import { type Callers, clientOf, RequestCaller } from './callers.ts';
import { HoldingCaller } from './holding-caller.ts';
import type { Reply } from './replies.ts';

/** A step of a session that a request asks for. */
interface AskedStep extends PlainStep<Reply> {
  readonly answer: (stepped: StepAnswer) => Reply;
}

interface Group {
  /** The request that came first. */
  readonly request: FastifyRequest;
  readonly steps: AskedStep[];
}

/**
 * Takes together the plain steps that a client asks for by single requests in one turn of the event loop: reading, computing and
 * storing many takes little longer than one. The turn takes in all requests that have arrived, and waits for no more.
 */
export class StepGroups {
  private readonly services: Pick<TenantServices, 'of'>;
  private readonly callers: Pick<Callers, 'run'>;
  /** Those of this turn, by client. */
  private groups = new Map<string, Group>();

  constructor(services: Pick<TenantServices, 'of'>, callers: Pick<Callers, 'run'>) {
    this.services = services;
    this.callers = callers;
  }

  step(
    request: FastifyRequest,
    step: Pick<AskedStep, 'session' | 'inputs' | 'return_states' | 'sequence'>,
    change: Change<StepAnswer, Reply>,
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.add(request, {
        ...step,
        ...change,
        within: (work) => this.callers.run(new RequestCaller(request), work),
        settle: (end) => (end instanceof Error ? reject(end) : resolve(end)),
      });
    });
  }

  private add(request: FastifyRequest, step: AskedStep): void {
    const client = clientOf(request);
    const group = this.groups.get(client);
    if (group) {
      group.steps.push(step);
      return;
    }
    if (this.groups.size === 0) setImmediate(() => this.carryOutAll());
    this.groups.set(client, { request, steps: [step] });
  }

  private carryOutAll(): void {
    const { groups } = this;
    this.groups = new Map();
    for (const [client, { request, steps }] of groups) {
      const caller = new HoldingCaller(client, request.server.account);
      const { sessions } = this.services.of(request);
      void this.callers.run(caller, () => sessions.stepMany(steps, answerAll)).finally(() => caller.free());
    }
  }
}

function answerAll(stepped: readonly StepAnswer[], steps: readonly AskedStep[]): (Reply | Error)[] {
  return steps.map(({ answer }, k) => {
    try {
      return answer(stepped[k]);
    } catch (error) {
      return error as Error;
    }
  });
}
