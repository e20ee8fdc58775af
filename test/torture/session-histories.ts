import { linearize, type Operation } from './linearizability.ts';
import type { Told } from './session-calls.ts';
import { type SessionInput, type SessionOutput, type SessionState, sessionModel } from './session-model.ts';

type SessionOperation = Operation<SessionInput, SessionOutput>;

const MAX_FAULTS = 3;

/** A call that nobody hears of may take effect for so long, by the clock of the histories. */
const LATEST_MILLISECONDS = 15_000;

/** What clients have asked of sessions and what they were told, in the order in which it happened. */
export class SessionHistories {
  private readonly operations = new Map<string, SessionOperation[]>();
  /** When clients gave up what they never heard of again. */
  private readonly givenUp = new Map<SessionOperation, number>();
  private readonly clock: () => number;
  /** The time of each event. */
  private readonly times: number[] = [];

  constructor(clock: () => number = () => performance.now()) {
    this.clock = clock;
  }

  /** The moment of a call or of an answer. */
  now(): number {
    return this.times.push(this.clock()) - 1;
  }

  answered({ session, input, output }: Told, called: number, answered = this.now()): void {
    this.add(session, { input, output, called, answered });
  }

  /** A call that may have been carried out, or may still be. */
  unanswered(session: string, input: SessionInput, called: number): void {
    const operation = { input, output: undefined, called, answered: Number.POSITIVE_INFINITY };
    this.givenUp.set(operation, this.clock());
    this.add(session, operation);
  }

  names(): string[] {
    return [...this.operations.keys()];
  }

  get sessions(): number {
    return this.operations.size;
  }

  get size(): number {
    return this.operations.values().reduce((sum, { length }) => sum + length, 0);
  }

  get unknown(): number {
    return this.operations.values().reduce((sum, all) => sum + all.filter(({ output }) => !output).length, 0);
  }

  /** A text for each session whose answers no order of its calls explains, or for the first few. */
  faults(): string[] {
    const faults: string[] = [];
    for (const [session, operations] of this.operations) {
      if (faults.length === MAX_FAULTS) break;
      const verdict = linearize(
        sessionModel,
        operations.map((operation) => this.ended(operation)),
      );
      if (verdict.linearizable) continue;
      const given = verdict.undecided ? ' (the search was given up)' : '';
      faults.push(`${session}${given}: ${story(verdict)}`);
    }
    return faults;
  }

  /** A call without an answer ends at the last event at which it could still take effect. */
  private ended(operation: SessionOperation): SessionOperation {
    const givenUp = this.givenUp.get(operation);
    if (givenUp === undefined) return operation;
    let low = operation.called;
    let high = this.times.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.times[middle] > givenUp + LATEST_MILLISECONDS) high = middle;
      else low = middle + 1;
    }
    return low === this.times.length ? operation : { ...operation, answered: low };
  }

  private add(session: string, operation: SessionOperation): void {
    const operations = this.operations.get(session);
    if (operations) operations.push(operation);
    else this.operations.set(session, [operation]);
  }
}

interface Unexplained {
  readonly explained: readonly SessionOperation[];
  readonly state: SessionState;
  readonly stuck: readonly SessionOperation[];
}

function story({ explained, state, stuck }: Unexplained): string {
  const line = ({ input, output, called, answered }: SessionOperation) =>
    `  [${called}, ${answered}] ${JSON.stringify(input)} -> ${JSON.stringify(output) ?? 'no answer'}`;
  const last = explained.slice(-8).map(line).join('\n');
  return `${explained.length} calls are explained, the last of them\n${last}\nand leave ${JSON.stringify(state)}, after which came one of\n${stuck.map(line).join('\n')}`;
}
