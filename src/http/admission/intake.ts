import { CLOCKS, Turns } from '../../threads/turns.ts';

/** Milliseconds of a turn of the event loop in which requests begin. Those that are left wait for the next turn. */
const TURN_MS = 4;
/** The same while all come from one client: steps of one turn share a commit, and nobody else waits for its end. */
const ALONE_MS = 10;
/** A client is alone when no other has sent anything for so long. */
const ALONE_AFTER_MS = 1_000;
/** For which a request may have waited to begin, before later ones of its client are refused. */
const WAIT_MS = 50;

/**
 * Requests on their way in: as they come, and once more when a body that is not small is there. A client whose first request has waited
 * for long gets no other in: what comes would only wait longer.
 */
export class Intake {
  private readonly turns: Turns;
  private readonly clock: () => number;
  /** Who has sent the last request, and since when nobody else has sent one. */
  private last = '';
  private since = 0;

  constructor(clocks = CLOCKS) {
    this.turns = new Turns(() => this.turnMs, clocks);
    this.clock = clocks.clock;
  }

  private get turnMs(): number {
    return this.clock() - this.since > ALONE_AFTER_MS ? ALONE_MS : TURN_MS;
  }

  /** Whether requests wait. */
  get isBusy(): boolean {
    return this.turns.isBusy;
  }

  /** Whether the client has too much waiting already. */
  isFull(client: string): boolean {
    return this.turns.hasWaited(client, WAIT_MS);
  }

  /** Begins a request of a client, at once or in a later turn; at once also in a turn that others have used up. */
  begin(client: string, begin: () => void): void {
    this.hear(client);
    if (this.turns.mayBegin(client)) begin();
    else this.turns.add(client, begin);
  }

  /** Goes on with a request, or begins messages of a client, at once or in a later turn. */
  take(client: string, begin: () => void): void {
    this.hear(client);
    if (this.turns.hasTime) begin();
    else this.turns.add(client, begin);
  }

  private hear(client: string): void {
    if (client === this.last) return;
    this.last = client;
    this.since = this.clock();
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    readonly intake: Intake;
  }
}
