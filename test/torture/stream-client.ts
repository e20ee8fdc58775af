import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from './random.ts';
import { FEATURES } from './reference-cell.ts';
import { DOORS, type DoorName, type StepAnswer, type StepDoor, type StepMessage } from './stream-doors.ts';

/** Messages that are unanswered at once. */
const WINDOW = 40;
/** So many steps are sent together. */
const MOST_AT_ONCE = 10;
/** A door that answers nothing for so long is given up. */
const PATIENCE_MS = 20_000;

export interface StreamClientOptions {
  readonly door: DoorName;
  /** Begins its keys. */
  readonly name: string;
  readonly url: () => string;
  readonly sessions: readonly string[];
  readonly random: Random;
  readonly sent: () => void;
  readonly answered: (message: StepMessage, answer: StepAnswer, attempts: number) => void;
  readonly stopped: () => boolean;
  /** A client that is not as it should be: it sends again under another key. */
  readonly forgetsKeys?: boolean;
}

interface Pending {
  readonly message: StepMessage;
  attempts: number;
}

/** A client of streams as it should be: when its connection is over, it sends what was not answered again, with its keys. */
export class StreamClient {
  private readonly options: StreamClientOptions;
  private readonly pending = new Map<string, Pending>();
  private readonly answers = new Map<string, string>();
  private made = 0;

  constructor(options: StreamClientOptions) {
    this.options = options;
  }

  /** @throws {Error} where an answer is a refusal, or differs from an earlier one to the same key */
  async run(): Promise<void> {
    const { stopped, random } = this.options;
    while (!stopped() || this.pending.size > 0) {
      await this.connection();
      await delay(random.next() * 50);
    }
  }

  private connection(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { door: name, url, stopped } = this.options;
    let heard = performance.now();
    const work = (act: () => void) => {
      try {
        act();
      } catch (error) {
        reject(error as Error);
      }
    };
    const door: StepDoor = DOORS[name](url(), {
      opened: () =>
        work(() => {
          this.again(door);
          this.fill(door);
        }),
      answered: (answer) =>
        work(() => {
          heard = performance.now();
          this.take(door, answer);
          this.fill(door);
          if (stopped() && this.pending.size === 0) resolve();
        }),
      closed: () => resolve(),
    });
    const timer = setInterval(() => {
      if (performance.now() - heard > PATIENCE_MS || (stopped() && this.pending.size === 0)) resolve();
    }, 100);
    return promise.finally(() => {
      clearInterval(timer);
      door.close();
    });
  }

  private again(door: StepDoor): void {
    const all = [...this.pending.values()];
    for (const one of all) one.attempts += 1;
    const renamed = (message: StepMessage) => ({ ...message, key: `${message.key}-${Math.random()}` });
    const messages = all.map(({ message }) => (this.options.forgetsKeys ? renamed(message) : message));
    if (messages.length > 0) door.send(messages);
  }

  /** Sends more, while few are unanswered. */
  private fill(door: StepDoor): void {
    const { random, sessions, name, sent, stopped } = this.options;
    while (!stopped() && this.pending.size < WINDOW - MOST_AT_ONCE) {
      const messages = Array.from({ length: random.integer(1, MOST_AT_ONCE) }, (): StepMessage => {
        const id = `${name}-${this.made++}`;
        const inputs = Array.from({ length: FEATURES }, () => Math.fround(random.next() * 2 - 1));
        return { id, key: id, session: random.pick(sessions), inputs: [inputs], tensor_format: 'base64' };
      });
      for (const message of messages) this.pending.set(message.id, { message, attempts: 1 });
      sent();
      door.send(messages);
    }
  }

  private take(door: StepDoor, answer: StepAnswer): void {
    const { id, status, problem, replayed } = answer;
    const text = JSON.stringify({ ...answer, replayed: undefined });
    const pending = this.pending.get(id);
    if (!pending) {
      const before = this.answers.get(id);
      if (status === 200 && before !== text) throw new Error(`${id} was answered ${before}, and then ${text}`);
      return;
    }
    if (status === 503 || problem?.code === 'in-progress' || problem?.code === 'conflict') {
      pending.attempts += 1;
      setTimeout(() => {
        if (this.pending.has(id)) door.send([pending.message]);
      }, 50);
      return;
    }
    if (status !== 200) throw new Error(`${id}: ${text}`);
    if (replayed && pending.attempts === 1) throw new Error(`${id} was sent once and is a replay`);
    this.pending.delete(id);
    this.answers.set(id, text);
    this.options.answered(pending.message, answer, pending.attempts);
  }
}
