import type { Random } from './random.ts';
import type { SessionCall, Told } from './session-calls.ts';
import type { Pair } from './session-model.ts';

/** What was last heard of a session; it may have changed since. */
interface Hearsay {
  exists: boolean;
  version: number;
  step: number;
  oldest: number;
}

interface Checkpoint {
  readonly id: string;
  readonly step: number;
  readonly state: Pair;
  readonly limit: number;
}

type Kind = SessionCall['kind'];

/** How often each call comes, where a session is believed to be there, and where it is not. */
const PRESENT: readonly [Kind, number][] = [
  ['step', 50],
  ['read', 7],
  ['list', 3],
  ['put', 6],
  ['reset', 4],
  ['rewind', 9],
  ['fork', 3],
  ['save', 3],
  ['restore', 6],
  ['delete', 4],
  ['open', 2],
];
const ABSENT: readonly [Kind, number][] = [
  ['open', 70],
  ['restore', 15],
  ['step', 5],
  ['read', 5],
  ['delete', 5],
];

/** Draws the calls of clients that share a number of sessions and race on them. */
export class Workload {
  private readonly random: Random;
  private readonly names: string[];
  private readonly heard = new Map<string, Hearsay>();
  private readonly checkpoints = new Map<string, Checkpoint[]>();
  private made = 0;

  constructor(random: Random, sessions: number) {
    this.random = random;
    this.names = Array.from({ length: sessions }, () => this.newName());
  }

  next(): SessionCall {
    const session = this.random.pick(this.names);
    const heard = this.heard.get(session);
    const kind = this.draw(heard?.exists ? PRESENT : ABSENT);
    return this.call(session, kind, heard);
  }

  learn({ session, input, output }: Told): void {
    if ('problem' in output) {
      if (output.problem === 'not-found') this.heard.delete(session);
      return;
    }
    if (input.kind === 'delete') {
      this.heard.delete(session);
      return;
    }
    const { version = 1, step = 0, oldest = step } = { ...this.heard.get(session), ...output };
    this.heard.set(session, { exists: true, version, step, oldest });
    // Some clients go on with what they have forked.
    if (input.kind === 'open' && !this.names.includes(session) && this.random.chance(0.5)) {
      this.names[this.random.integer(0, this.names.length - 1)] = session;
    }
  }

  saved(session: string, checkpoint: Checkpoint): void {
    this.checkpoints.set(session, [...(this.checkpoints.get(session) ?? []), checkpoint]);
  }

  private call(session: string, kind: Kind, heard: Hearsay | undefined): SessionCall {
    const { random } = this;
    const ifMatch = heard && random.chance(0.15) ? { ifMatch: heard.version } : {};
    const kept = () => random.integer(Math.max(0, (heard?.oldest ?? 0) - 1), (heard?.step ?? 0) + 1);
    switch (kind) {
      case 'open':
        return { session, kind, step: 0, state: this.pair(), limit: random.pick([0, 0, 2, 5]) };
      case 'step': {
        const time = random.chance(0.8) ? 1 : random.integer(2, 4);
        return { session, kind, inputs: Array.from({ length: time }, () => this.pair()), ...ifMatch };
      }
      case 'put':
        return { session, kind, state: this.pair(), ...ifMatch };
      case 'rewind':
        return { session, kind, to: kept(), ...ifMatch };
      case 'fork':
        return { session, kind, target: this.newName(), ...(random.chance(0.5) ? { at: kept() } : {}) };
      case 'restore': {
        const checkpoints = this.checkpoints.get(session);
        if (!checkpoints) return { session, kind: 'save' };
        const { id: checkpoint, ...saved } = random.pick(checkpoints);
        return { session, kind, checkpoint, ...saved, createMissing: random.chance(0.7) };
      }
      case 'reset':
      case 'delete':
        return { session, kind, ...ifMatch };
      case 'save':
      case 'read':
      case 'list':
        return { session, kind };
    }
  }

  private draw(weights: readonly [Kind, number][]): Kind {
    let left = this.random.next() * weights.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [kind, weight] of weights) {
      left -= weight;
      if (left < 0) return kind;
    }
    return 'step';
  }

  private pair(): Pair {
    return [this.random.integer(-50, 50), this.random.integer(-50, 50)];
  }

  private newName(): string {
    return `s${this.made++}`;
  }
}
