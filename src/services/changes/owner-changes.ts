import type { CommitEnd, StoreWrite } from '../../domain/ports.ts';
import type { Ports } from '../ports.ts';
import type { Decision } from './decision.ts';
import { areKept, type Kept, readKept } from './kept-outcomes.ts';
import { isLate, withOutcome } from './once.ts';
import { type Decisions, type OneOfMany, settle } from './one-of-many.ts';
import type { RunningKeys } from './running-keys.ts';

/** What is left of the changes of an owner: some to be made alone, one after another, and behind them the rest. */
export interface LeftOver<I> {
  readonly alone: readonly I[];
  readonly rest: readonly I[];
}

const NOTHING: LeftOver<never> = { alone: [], rest: [] };

/**
 * Changes of one owner that follow one another, as far as they can be decided and committed as one. Where one cannot, it and those
 * behind it are left. Changes with a new key join in; all others with a key are left to be decided alone.
 */
export class OwnerChanges<R, I extends OneOfMany<R>> {
  /** Those to be decided together. */
  taken: readonly I[];
  /** Those of them that are decided, and not refused. */
  readonly made: { readonly item: I; readonly decision: Decision<R> }[] = [];
  private readonly context: Pick<Ports, 'store' | 'clock' | 'limits'>;
  private readonly owner: string;
  /** Those that are not settled. */
  private open: readonly I[];
  /** To be called at the end of a change with a key; undefined if none has one. Most have none, and a map takes long to make. */
  private ends: Map<I, () => void> | undefined;
  private kept: Kept | undefined;
  private alone: readonly I[] = [];

  constructor(context: Pick<Ports, 'store' | 'clock' | 'limits'>, running: RunningKeys, all: readonly I[]) {
    this.context = context;
    this.owner = all[0].owner;
    this.open = all;
    this.taken = all.some(({ once }) => once) ? this.begun(all, running) : all;
  }

  get hasKeys(): boolean {
    return this.ends !== undefined && this.ends.size > 0;
  }

  /** The changes whose keys no other request is using. */
  private begun(all: readonly I[], running: RunningKeys): readonly I[] {
    const begun: I[] = [];
    const keys = new Set<string>();
    this.ends = new Map();
    for (const item of all) {
      const key = item.once?.idempotencyKey;
      if (key !== undefined) {
        // It may be a repetition of that one, and finds then what is kept of it.
        if (keys.has(key)) break;
        keys.add(key);
        try {
          this.ends.set(item, running.begin(this.owner, key));
        } catch (error) {
          this.end(item, error as Error);
          continue;
        }
      }
      begun.push(item);
    }
    return begun;
  }

  /** Takes only the changes before the first one whose key is not new. Never rejects: to that one the fault of a store is told. */
  async checkKeys(): Promise<void> {
    const [first] = this.ends?.keys() ?? [];
    if (first) this.cutAt(await this.firstKnown().catch(() => first));
  }

  private cutAt(item: I | undefined): void {
    if (!item) return;
    this.alone = [item];
    this.taken = this.taken.slice(0, this.taken.indexOf(item));
  }

  /** The first change with a key that is kept, or for which others may have to go. */
  private async firstKnown(): Promise<I | undefined> {
    const { store, clock } = this.context;
    const keyed = [...(this.ends?.keys() ?? [])];
    // Before the outcomes: what another process keeps meanwhile then makes the commit conflict.
    this.kept = await readKept(store, this.owner);
    if (isLate(this.kept, clock())) return keyed[0];
    if (this.kept.revision === null) return undefined;
    const known = await areKept(
      store,
      this.owner,
      keyed.map(({ once }) => once!.idempotencyKey),
    );
    return keyed[known.indexOf(true)];
  }

  /**
   * Adds to each decision the writes that keep its outcome. The first that may not stand becomes undefined, and so do all behind it:
   * they are to be decided again.
   */
  async withKeys(decisions: Decisions<R>): Promise<Decisions<R>> {
    const all: (Decision<R> | Error | undefined)[] = decisions.map(() => undefined);
    let stands: boolean | undefined;
    for (const [k, decided] of decisions.entries()) {
      const item = this.taken[k];
      if (decided instanceof Error) {
        if (item.once) stands ??= await this.areSame();
        all[k] = item.once && !stands ? undefined : decided;
      } else all[k] = decided && (await this.withKey(item, decided));
      if (!all[k]) break;
    }
    return all;
  }

  /** Takes what was decided on the first of the changes. */
  take(decisions: Decisions<R>): void {
    const { taken } = this;
    if (decisions.length < taken.length) this.alone = [];
    for (let k = 0; k < decisions.length; k++) {
      const decision = decisions[k];
      if (decision instanceof Error) this.end(taken[k], decision);
      else if (decision) this.made.push({ item: taken[k], decision });
      else {
        this.alone = [...taken.slice(k, decisions.length), ...this.alone];
        return;
      }
    }
  }

  /** Whether the same outcomes are still kept. If not, another process may just have carried out a request that is refused here. */
  private async areSame(): Promise<boolean> {
    const now = await readKept(this.context.store, this.owner).catch(() => undefined);
    return now?.revision === this.kept?.revision;
  }

  /** The decision, with its outcome kept if the change has a key. */
  private async withKey({ once }: I, decision: Decision<R>): Promise<Decision<R> | undefined> {
    if (!once || !this.kept) return decision;
    const keeping = await withOutcome(this.context, this.owner, this.kept, once, decision).catch(() => undefined);
    this.kept = keeping?.kept;
    return keeping?.decision;
  }

  /** All writes as those of one commit: of a key the last one, in place of what was there before the first. */
  writes(): readonly StoreWrite[] {
    const [{ decision }] = this.made;
    if (this.made.length === 1) return decision.writes;
    const last = new Map<string, StoreWrite>();
    for (const write of this.made.flatMap((one) => one.decision.writes)) {
      const before = last.get(write.key);
      const passed = [...(before?.passed ?? []), ...(before?.bytes ? [before.bytes] : [])];
      last.set(write.key, before ? { ...write, expect: before.expect, passed } : write);
    }
    return [...last.values()];
  }

  /** Other requests may use the keys from now on. */
  endKeys(): void {
    for (const end of this.ends?.values() ?? []) end();
    this.ends?.clear();
  }

  /** Settles what was committed. What another writer came before is made alone. */
  settle(end: CommitEnd): void {
    if (end === 'conflict') this.alone = [...this.made.map(({ item }) => item), ...this.alone];
    else for (const { item, decision } of this.made) this.end(item, end === 'committed' ? decision.result : end);
  }

  leftOver(): LeftOver<I> {
    const { open, alone } = this;
    return open.length === 0 ? NOTHING : { alone, rest: open.filter((item) => !alone.includes(item)) };
  }

  private end(item: I, end: R | Error): void {
    // Before it is told: its key may come again at once.
    this.ends?.get(item)?.();
    this.ends?.delete(item);
    this.open = this.open.filter((other) => other !== item);
    settle(item, end);
  }
}
