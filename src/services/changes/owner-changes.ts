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
  private readonly all: readonly I[];
  private readonly settled = new Set<I>();
  /** To be called at the end of a change with a key. */
  private readonly ends = new Map<I, () => void>();
  private kept: Kept | undefined;
  private alone: readonly I[] = [];

  constructor(context: Pick<Ports, 'store' | 'clock' | 'limits'>, running: RunningKeys, all: readonly I[]) {
    this.context = context;
    this.all = all;
    this.taken = [...this.begun(running)];
  }

  get hasKeys(): boolean {
    return this.ends.size > 0;
  }

  private get owner(): string {
    return this.all[0].owner;
  }

  /** The changes whose keys no other request is using. */
  private *begun(running: RunningKeys): Generator<I> {
    const keys = new Set<string>();
    for (const item of this.all) {
      const key = item.once?.idempotencyKey;
      if (key !== undefined) {
        // It may be a repetition of that one, and finds then what is kept of it.
        if (keys.has(key)) return;
        keys.add(key);
        try {
          this.ends.set(item, running.begin(this.owner, key));
        } catch (error) {
          this.end(item, error as Error);
          continue;
        }
      }
      yield item;
    }
  }

  /** Takes only the changes before the first one whose key is not new. Never rejects: to that one the fault of a store is told. */
  async checkKeys(): Promise<void> {
    const [first] = this.ends.keys();
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
    const keyed = [...this.ends.keys()];
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

  /** Takes what was decided on the first of the changes. */
  async take(decisions: Decisions<R>): Promise<void> {
    if (decisions.length < this.taken.length) this.alone = [];
    for (const [k, decided] of decisions.entries()) {
      const item = this.taken[k];
      if (decided instanceof Error && (await this.stands(item))) {
        this.end(item, decided);
        continue;
      }
      const decision = decided instanceof Error ? undefined : decided && (await this.withKey(item, decided));
      if (!decision) {
        this.alone = [...this.taken.slice(k, decisions.length), ...this.alone];
        return;
      }
      this.made.push({ item, decision });
    }
  }

  /** Whether a refusal stands: another process may just have carried out the same request, which can cause it. */
  private async stands({ once }: I): Promise<boolean> {
    if (!once) return true;
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
    for (const end of this.ends.values()) end();
    this.ends.clear();
  }

  /** Settles what was committed. What another writer came before is made alone. */
  settle(end: CommitEnd): void {
    if (end === 'conflict') this.alone = [...this.made.map(({ item }) => item), ...this.alone];
    else for (const { item, decision } of this.made) this.end(item, end === 'committed' ? decision.result : end);
  }

  leftOver(): LeftOver<I> {
    const { alone, settled } = this;
    return { alone, rest: this.all.filter((item) => !settled.has(item) && !alone.includes(item)) };
  }

  private end(item: I, end: R | Error): void {
    // Before it is told: its key may come again at once.
    this.ends.get(item)?.();
    this.ends.delete(item);
    this.settled.add(item);
    settle(item, end);
  }
}
