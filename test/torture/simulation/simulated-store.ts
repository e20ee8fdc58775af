import type { CommitOutcome, Store, StoredValue, StoreWrite } from '../../../src/domain/ports.ts';
import { Problem } from '../../../src/domain/problems.ts';
import { checkCommit } from '../../../src/domain/store-keys.ts';
import type { Random } from '../random.ts';
import type { Scheduler } from './scheduler.ts';

/** How a store may lie: what the checks of a simulation must find. */
export type Lie = 'ignores what is expected' | 'drops commits that it acknowledges' | 'forgets which keys were used';

/** Probabilities, for each call of the store. */
export interface StoreFaults {
  /** The call is lost, and nothing happens. */
  readonly lost: number;
  /** The call is carried out, and its answer is lost. */
  readonly unanswered: number;
  /** The caller gives up, and the call is carried out later all the same. */
  readonly late: number;
  /** The process that called dies just before the call is carried out, or just after it. */
  readonly deadly: number;
}

const MAX_DELAY = 5;
const MAX_LATE = 150;
const TIME_LIMIT = 60;

/** What all replicas share. */
export class SimulatedData {
  private readonly values = new Map<string, StoredValue>();
  private readonly lie: Lie | undefined;
  private commits = 0;

  constructor(lie?: Lie) {
    this.lie = lie;
  }

  get(key: string): StoredValue | undefined {
    const value = this.values.get(key);
    return value && { revision: value.revision, bytes: new Uint8Array(value.bytes) };
  }

  list(prefix: string, after: string | undefined, limit: number) {
    const keys = [...this.values.keys()].filter(
      (key) => key.startsWith(prefix) && (after === undefined || key > after),
    );
    return keys
      .sort()
      .slice(0, limit)
      .map((key) => ({ key, ...this.get(key)! }));
  }

  commit(writes: readonly StoreWrite[]): CommitOutcome {
    this.commits += 1;
    if (this.lie === 'drops commits that it acknowledges' && this.commits % 17 === 0) return 'committed';
    for (const { key, expect } of writes) {
      if (expect === undefined || this.lie === 'ignores what is expected') continue;
      if ((this.values.get(key)?.revision ?? null) !== expect) return 'conflict';
    }
    for (const { key, bytes, delete: deletes } of writes) {
      if (this.lie === 'forgets which keys were used' && key.startsWith('session-keys/')) continue;
      if (bytes !== undefined)
        this.values.set(key, { revision: `${this.commits}`, bytes: new Uint8Array(bytes.subarray()) });
      else if (deletes) this.values.delete(key);
    }
    return 'committed';
  }
}

/** The store as one process sees it, over a network of its own. A process that is dead hears nothing any more. */
export class StoreConnection implements Store {
  private readonly data: SimulatedData;
  private readonly scheduler: Scheduler;
  private readonly random: Random;
  private readonly faults: () => StoreFaults;
  private readonly die: () => void;
  private dead = false;

  constructor(data: SimulatedData, scheduler: Scheduler, random: Random, faults: () => StoreFaults, die: () => void) {
    this.data = data;
    this.scheduler = scheduler;
    this.random = random;
    this.faults = faults;
    this.die = die;
  }

  cut(): void {
    this.dead = true;
  }

  get(key: string): Promise<StoredValue | undefined> {
    return this.call(`get ${key}`, () => this.data.get(key));
  }

  list(prefix: string, after: string | undefined, limit: number) {
    return this.call(`list ${prefix}`, () => this.data.list(prefix, after, limit));
  }

  async commit(writes: readonly StoreWrite[]): Promise<CommitOutcome> {
    checkCommit(writes);
    const copies = writes.map((write) =>
      write.bytes ? { ...write, bytes: new Uint8Array(write.bytes.subarray()) } : write,
    );
    return this.call(`commit ${writes.map(({ key }) => key)}`, () => this.data.commit(copies));
  }

  async check(): Promise<void> {
    await this.call('check', () => undefined);
  }

  async close(): Promise<void> {}

  private call<T>(label: string, apply: () => T): Promise<T> {
    const { scheduler, random } = this;
    const { lost, unanswered, late, deadly } = this.faults();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const answer = (milliseconds: number, what: string, settle: () => void) =>
      scheduler.after(milliseconds, `${what} ${label}`, () => this.dead || settle());
    const fail = () => reject(new Problem('store-unavailable', 'The store did not answer.'));
    const fate = random.next();
    const delay = random.next() * MAX_DELAY;
    if (this.dead) return promise;
    if (fate < lost) {
      answer(TIME_LIMIT, 'loses', fail);
      return promise;
    }
    const isLate = fate < lost + late;
    if (isLate) answer(TIME_LIMIT, 'gives up', fail);
    scheduler.after(isLate ? random.next() * MAX_LATE : delay, label, () => {
      if (this.dead && random.chance(0.5)) return;
      if (random.chance(deadly)) this.die();
      const result = apply();
      if (random.chance(deadly)) this.die();
      if (isLate) return;
      if (random.chance(unanswered)) answer(TIME_LIMIT, 'answers nobody', fail);
      else answer(random.next() * MAX_DELAY, 'answers', () => resolve(result));
    });
    return promise;
  }
}
