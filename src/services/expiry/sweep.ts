import type { CommitOutcome, Store, StoreWrite } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { decodeRecord } from '../../domain/record.ts';
import { ownerOf } from '../../domain/store-keys.ts';
import { releasePin } from '../cells/pinned-versions.ts';
import { letGoOfKept } from '../changes/kept-outcomes.ts';
import { sweepContent } from '../checkpoints/sweep-content.ts';
import { claimKey, referenceKey, sessionKey } from '../keys.ts';
import type { Ports } from '../ports.ts';
import { historyDeletes } from '../sessions/session-history.ts';
import { findSession } from '../sessions/session-record.ts';
import { isOver, nextLook } from '../sessions/session-times.ts';
import { DAY, type Due, type DueEntry, dueWrite, HOUR, listDue } from './due.ts';
import { takeLease } from './sweep-lease.ts';

/** How many entries of the index to work on at once, and so how many reads and commits run together. */
const SLICE = 64;

type SessionDue = Due & { readonly kind: 'session' };

/** When to look again; undefined if nothing is left. */
type Next = number | undefined;

/**
 * Removes data that nobody needs any more: sessions and all that they keep, a day after they expired; idempotency keys and
 * their outcomes after a day; references in a cell to sessions that are gone; files that were never finished. It looks only at
 * entries of the index of times, one slice per call. Every deletion expects the revision that was read, so several processes may sweep at once.
 * A lease saves them the useless work.
 */
export class Sweeper {
  private readonly context: Pick<Ports, 'store' | 'clock'>;
  private readonly holder: string;

  constructor(context: Pick<Ports, 'store' | 'clock' | 'newId'>) {
    this.context = context;
    this.holder = context.newId('sweeper');
  }

  /** Works on one slice. Returns whether there may be more to do now. @throws {Problem} store-unavailable */
  async sweep(): Promise<boolean> {
    const { store, clock } = this.context;
    const now = clock();
    const entries = await listDue(store, now, SLICE);
    if (entries.length === 0 || !(await takeLease(store, now, this.holder))) return false;
    const gone: SessionDue[] = [];
    const looked = await Promise.all(entries.map((entry) => this.lookSafely(entry, now, gone)));
    await dropReferences(store, gone);
    const later = entries.flatMap(({ due }, i) => {
      const next = looked[i];
      return next === undefined ? [] : [dueWrite(Math.max(next, now + 1), due)];
    });
    await commitByOwner(store, later);
    const kept = new Set(later.map(({ key }) => key));
    const done = entries.filter(({ key }) => !kept.has(key));
    await commitByOwner(
      store,
      done.map(({ key }) => ({ key, delete: true })),
    );
    return entries.length === SLICE;
  }

  /** Puts off entries that cannot be read, such as a damaged record, so that the others need not wait. */
  private async lookSafely({ due }: DueEntry, now: number, gone: SessionDue[]): Promise<Next> {
    try {
      return await this.look(due, now, gone);
    } catch (error) {
      if (error instanceof Problem) throw error;
      return now + HOUR;
    }
  }

  private look(due: Due, now: number, gone: SessionDue[]): Promise<Next> {
    switch (due.kind) {
      case 'session':
        return this.lookAtSession(due, now, gone);
      case 'claim':
        return this.lookAtClaim(due.id, now);
      case 'keys':
        return this.lookAtKeys(due.owner, now);
      case 'content':
        return this.lookAtContent(due, now);
    }
  }

  private async lookAtSession(due: SessionDue, now: number, gone: SessionDue[]): Promise<Next> {
    const { store } = this.context;
    const owner = sessionKey(due.id);
    const session = await findSession(store, due.id);
    if (session?.record.uid !== due.uid) {
      gone.push(due);
      // If a session was opened under the same id since, its keys are not looked at here.
      return session ? undefined : this.lookAtKeys(owner, now);
    }
    const { record, revision } = session;
    if (!isOver(record, now)) {
      await letGoOfKept(store, owner, now);
      return nextLook(record, now);
    }
    const writes = [{ key: owner, expect: revision, delete: true as const }, ...historyDeletes(record)];
    const { done, left } = await letGoOfKept(store, owner, now, writes);
    if (!done) return now + HOUR;
    gone.push(due);
    return left ? now + DAY : undefined;
  }

  private async lookAtClaim(id: string, now: number): Promise<Next> {
    const { store } = this.context;
    const key = claimKey(id);
    const stored = await store.get(key);
    if (!stored) return undefined;
    const { at, until = at + DAY } = decodeRecord<{ at: number; until?: number }>(stored.bytes).fields;
    if (until > now) return until;
    await store.commit([{ key, expect: stored.revision, delete: true }]);
    return undefined;
  }

  private async lookAtContent(due: Due & { kind: 'content' }, now: number): Promise<Next> {
    return (await sweepContent(this.context.store, due)) ? undefined : now + HOUR;
  }

  private async lookAtKeys(owner: string, now: number): Promise<Next> {
    const { done, left } = await letGoOfKept(this.context.store, owner, now);
    return done && !left ? undefined : now + DAY;
  }
}

/** The references in cells to sessions that are gone. */
async function dropReferences(store: Store, gone: readonly SessionDue[]): Promise<void> {
  const sessions = gone.map(({ id, uid, session }) => ({ id, uid, ...session }));
  await commitByOwner(
    store,
    sessions.map((session) => ({ key: referenceKey(session), delete: true })),
  );
  for (const session of sessions) await releasePin(store, session);
}

/** Commits writes that expect nothing, in one commit for each owner. */
async function commitByOwner(store: Store, writes: readonly StoreWrite[]): Promise<CommitOutcome[]> {
  const distinct = new Map(writes.map((write) => [write.key, write]));
  const owners = Map.groupBy(distinct.values(), ({ key }) => ownerOf(key));
  return Promise.all([...owners.values()].map((own) => store.commit(own)));
}
