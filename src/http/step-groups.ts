import type { FastifyRequest } from 'fastify';
import type { Change } from '../services/changes/change.ts';
import type { SteppedCell } from '../services/compute/step-cell.ts';
import type { CarriedStep } from '../services/compute/step-together.ts';
import type { PlainStep, StepAnswer } from '../services/sessions/plain-step.ts';
import type { TenantServices } from '../services/tenants/index.ts';
import { atTurnEnd } from '../threads/turn-end.ts';
import { HoldingCaller } from './admission/holding-caller.ts';
import { type Callers, clientOf, RequestCaller } from './callers/callers.ts';
import type { Reply } from './replies/replies.ts';

/** A step of a session that a request asks for. */
interface AskedStep extends PlainStep<Reply> {
  readonly answer: (stepped: StepAnswer) => Reply;
}

/** A step from states in a request. */
interface AskedCellStep extends CarriedStep {
  readonly cell: string;
  /** It is left to be taken alone. */
  leave(): void;
}

interface Group<T> {
  readonly client: string;
  /** The request that came first. */
  readonly request: FastifyRequest;
  readonly steps: T[];
}

/** Gathers the steps of one turn of the event loop, those of a client and a `thing` in one group. */
class TurnGroups<T> {
  private readonly carryOut: (group: Group<T>) => void;
  private groups = new Map<string, Group<T>>();

  constructor(carryOut: (group: Group<T>) => void) {
    this.carryOut = carryOut;
  }

  add(request: FastifyRequest, step: T, thing = ''): void {
    const client = clientOf(request);
    const key = `${client} ${thing}`;
    const group = this.groups.get(key);
    if (group) {
      group.steps.push(step);
      return;
    }
    if (this.groups.size === 0) atTurnEnd(() => this.carryOutAll());
    this.groups.set(key, { client, request, steps: [step] });
  }

  private carryOutAll(): void {
    const { groups } = this;
    this.groups = new Map();
    for (const group of groups.values()) this.carryOut(group);
  }
}

/**
 * Takes together the plain steps that a client asks for by single requests in one turn of the event loop: reading, computing and
 * storing many takes little longer than one. The turn takes in all requests that have arrived, and waits for no more.
 */
export class StepGroups {
  private readonly callers: Pick<Callers, 'run'>;
  private readonly ofSessions: TurnGroups<AskedStep>;
  private readonly ofCells: TurnGroups<AskedCellStep>;

  constructor(services: Pick<TenantServices, 'of'>, callers: Pick<Callers, 'run'>) {
    this.callers = callers;
    this.ofSessions = new TurnGroups((group) =>
      this.carryOut(group, (steps) => services.of(group.request).sessions.stepMany(steps, answerAll)),
    );
    this.ofCells = new TurnGroups((group) =>
      this.carryOut(group, async (steps) => {
        const { cells } = services.of(group.request);
        // Why the cell cannot be read is found again, and told.
        const left = await cells.stepTogether(steps[0].cell, steps).catch(() => steps);
        for (const step of left) step.leave();
      }),
    );
  }

  step(
    request: FastifyRequest,
    step: Pick<AskedStep, 'session' | 'inputs' | 'return_states' | 'sequence'>,
    change: Change<StepAnswer, Reply>,
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.ofSessions.add(request, {
        ...step,
        ...change,
        within: (work) => this.callers.run(new RequestCaller(request), work),
        settle: (end) => (end instanceof Error ? reject(end) : resolve(end)),
      });
    });
  }

  /** Undefined if the step is left to be taken alone. */
  stepCell(
    request: FastifyRequest,
    { cell, inputs, states }: Pick<AskedCellStep, 'cell' | 'inputs' | 'states'>,
  ): Promise<SteppedCell | undefined> {
    return new Promise((resolve) => {
      this.ofCells.add(request, { cell, inputs, states, settle: resolve, leave: () => resolve(undefined) }, cell);
    });
  }

  private carryOut<T>({ client, request, steps }: Group<T>, work: (steps: readonly T[]) => Promise<void>): void {
    const caller = new HoldingCaller(client, request.server.account);
    void this.callers.run(caller, () => work(steps)).finally(() => caller.free());
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
