import { Turns } from '../threads/turns.ts';

/** Milliseconds of a turn of the event loop in which requests begin. Those that are left wait for the next turn. */
const TURN_MS = 4;
/** For which a request may have waited to begin, before later ones of its client are refused. */
const WAIT_MS = 50;

/**
 * Requests on their way in: as they come, and once more when a body that is not small is there. A client whose first request has waited
 * for long gets no other in: what comes would only wait longer.
 */
export class Intake {
  private readonly turns: Turns;

  constructor(turns = new Turns(TURN_MS)) {
    this.turns = turns;
  }

  /** Whether requests wait. */
  get isBusy(): boolean {
    return this.turns.isBusy;
  }

  /** Whether the client has too much waiting already. */
  isFull(client: string): boolean {
    return this.turns.hasWaited(client, WAIT_MS);
  }

  /** Begins a request of a client, or goes on with it, at once or in a later turn. */
  take(client: string, begin: () => void): void {
    if (this.turns.hasTime) begin();
    else this.turns.add(client, begin);
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    readonly intake: Intake;
  }
}
