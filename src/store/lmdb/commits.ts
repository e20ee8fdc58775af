import { writeSync } from 'node:fs';
import { type Bytes, LONG_BYTES } from '../../domain/bytes.ts';
import type { CommitEnd, CommitOutcome, StoreWrite } from '../../domain/ports.ts';
import { atTurnEnd } from '../../threads/turn-end.ts';
import type { RecentValues } from '../recent-values.ts';
import { createStamps } from '../record.ts';
import { UsageTally } from '../usage-tally.ts';
import type { LmdbConnection } from './connection.ts';
import { type LmdbDatabase, rewriteFormat } from './database.ts';
import { probeDisk } from './disk.ts';
import { hasOverwrittenMemory, NoRoomError, storeProblem } from './errors.ts';
import { LongValues } from './long-values.ts';
import { reasonOf, TimeLimitError, withinLimit } from './outcomes.ts';
import { bytesOfPlace, type Place } from './pieces.ts';
import { recordOf } from './record.ts';
import { hasRoomFor } from './room.ts';
import { type Draft, transact } from './transaction.ts';
import { applyWrites, type PreparedWrite, prepare } from './writes.ts';

/** The most commits that share one sync: enough to make it cheap, but few enough to keep waits short. */
const GROUP_COMMITS = 1_000;
/**
 * A group with as many bytes has room for no longer commit: these take milliseconds, for which the others wait. Fewer where short
 * commits come: each waits for one such group, and the syncs of many cost the others a fifth.
 */
const GROUP_BYTES = { quiet: 2 ** 21, busy: 2 ** 19 };
/** Groups without a short commit, after which no more are expected. */
const QUIET_GROUPS = 16;
/** After a group of more short commits than these, the next is taken a turn of the event loop later: one sync serves more. */
const FEW = 2;
/** Shorter commits do not wait for longer ones. */
const SHORT_BYTES = 2 ** 16;
/** A disk that does not answer within this time has failed. */
const LIMIT_MILLISECONDS = 5_000;
const HANGING_MILLISECONDS = 200;

interface WaitingCommit {
  readonly work: (draft: Draft, tally: UsageTally) => CommitOutcome;
  readonly size: number;
  /** Called once. */
  readonly settle: (end: CommitEnd) => void;
}

export interface CommitQueue {
  /** Resolves once all of the commits are on the disk or have ended otherwise: if by a Problem, nothing of it is stored. */
  add(commits: readonly (readonly StoreWrite[])[]): Promise<CommitEnd[]>;
  /** A real write to the disk that changes nothing; rejects with a Problem when it fails. */
  probe(): Promise<CommitOutcome>;
  /** Resolves when no commit is waiting or under way. */
  idle(): Promise<void>;
}

/**
 * Group commit: commits that arrive during a sync wait, and the next transaction takes them all, so one sync serves many.
 * Each is compared and written on its own (transaction.ts), short ones in the order of the calls and before longer ones. A short
 * one waits for one group of longer ones at most.
 * Written values update the recent values.
 */
export function createCommitQueue(connection: LmdbConnection, recent: RecentValues): CommitQueue {
  const nextStamp = createStamps();
  let waiting: WaitingCommit[] = [];
  /** Short commits of the last group. */
  let lastCount = 0;
  /** Whether it had longer ones. */
  let wasLong = false;
  /** Groups since one that had short commits. */
  let sinceShort = QUIET_GROUPS;
  const longValues = new LongValues(connection.directory, carryOut);
  /** Commits of long values, which do much before and after they are in the queue. */
  const long = new Set<Promise<void>>();
  let running: Promise<void> | undefined;
  /** Whether the last commit failed on the disk for a reason other than lack of room. */
  let failing = false;
  let hanging = false;
  let probing: Promise<void> | undefined;
  /** Transactions that have not ended, and their databases: one that is reopened has none any more. */
  const underWay = new Map<Promise<unknown>, LmdbDatabase>();

  /** One at a time, because on a hanging disk each blocks a thread. */
  function probe(): Promise<void> {
    probing ??= probeDisk(connection.directory).finally(() => {
      probing = undefined;
    });
    return probing;
  }

  /** Short commits, and longer ones behind them, but not in two groups one after the other: short ones go between. */
  function takeGroup(): WaitingCommit[] {
    const short = waiting.filter(({ size }) => size < SHORT_BYTES).slice(0, GROUP_COMMITS);
    sinceShort = short.length > 0 ? 0 : sinceShort + 1;
    const long = wasLong && short.length > 0 ? [] : takeLong();
    const group = new Set([...short, ...long]);
    waiting = waiting.filter((commit) => !group.has(commit));
    lastCount = short.length;
    wasLong = long.length > 0;
    return [...group];
  }

  /** Longer commits of one group, one at least where there are any. */
  function takeLong(): WaitingCommit[] {
    const most = sinceShort < QUIET_GROUPS ? GROUP_BYTES.busy : GROUP_BYTES.quiet;
    const group: WaitingCommit[] = [];
    let bytes = 0;
    for (const commit of waiting) {
      if (commit.size < SHORT_BYTES) continue;
      if (bytes >= most) break;
      group.push(commit);
      bytes += commit.size;
    }
    return group;
  }

  /**
   * If a group fails, nothing of it is written, and each commit is tried again alone, so that a commit that is too large does not
   * fail the others. In a database that is shared more commits join until LMDB has begun the transaction.
   */
  async function commitGroup(take: () => WaitingCommit[]): Promise<void> {
    let taken: WaitingCommit[] | undefined;
    const group = () => {
      taken ??= take();
      return taken;
    };
    let abandoned = false;
    try {
      // After the disk did not answer once, callers need not wait for it again and again.
      if (failing) await withinLimit(probe(), hanging ? HANGING_MILLISECONDS : LIMIT_MILLISECONDS);
      hanging = false;
      const database = connection.current();
      const isAlone = recent.alone && ![...underWay.values()].includes(database);
      const transaction = transact(database, isAlone, (draft) => {
        if (abandoned) return [];
        const bytes = group().reduce((sum, { size }) => sum + size, 0);
        if (!hasRoomFor(bytes, database, connection.directory)) throw new NoRoomError('no room on the disk');
        const tally = new UsageTally();
        const outcomes = group().map(({ work }) => work(draft, tally));
        countIn(draft, tally);
        return outcomes;
      });
      underWay.set(transaction, database);
      transaction.finally(() => underWay.delete(transaction)).catch(() => undefined);
      const outcomes = await withinLimit(transaction, LIMIT_MILLISECONDS);
      failing = false;
      recent.recover();
      group().forEach(({ settle }, index) => {
        settle(outcomes[index]);
      });
    } catch (thrown) {
      abandoned = true;
      recent.fail();
      if (thrown instanceof TimeLimitError) {
        // It may still take effect, so it is never tried again.
        failing = true;
        hanging = true;
        for (const { settle } of group()) settle(storeProblem(thrown, connection.directory));
        return;
      }
      const error = await reasonOf(thrown);
      if (hasOverwrittenMemory(error)) endAtOnce(error);
      failing ||= !(error instanceof NoRoomError);
      const sound = await connection.recover();
      if (sound && group().length > 1) {
        for (const commit of group()) await commitGroup(() => [commit]);
      } else {
        for (const { settle } of group()) settle(storeProblem(error, connection.directory));
      }
    }
  }

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      // Many that were answered together ask again together, and go with those that wait.
      if (lastCount > FEW) await new Promise((resolve) => setImmediate(resolve));
      // What comes in this turn of the event loop goes together.
      await new Promise<void>((resolve) => atTurnEnd(resolve, true));
      await commitGroup(takeGroup);
    }
    running = undefined;
  }

  function enqueue(commit: WaitingCommit): void {
    waiting.push(commit);
    running ??= run();
  }

  /** A commit of the store's own. */
  function carryOut(size: number, work: WaitingCommit['work']): Promise<CommitOutcome> {
    return new Promise((resolve, reject) => {
      enqueue({ size, work, settle: (end) => (end instanceof Error ? reject(end) : resolve(end)) });
    });
  }

  function queue(prepared: readonly PreparedWrite[], settle: (end: CommitEnd) => void): void {
    const changed = prepared.filter(({ record, deletes }) => record !== undefined || deletes);
    const size = changed.reduce((sum, { record }) => sum + (record?.length ?? 0), 0);
    enqueue({
      size,
      work: (draft, tally) => applyWrites(draft, prepared, { nextStamp, tally }),
      settle: (end) => {
        for (const { name, record, place } of changed) {
          recent.settled(name, end === 'committed' && record && !place ? recordOf(record) : undefined);
        }
        settle(end);
      },
    });
  }

  /** Writes the pieces of long values before the commit, and removes them where it is not made. */
  async function queueLong(writes: readonly StoreWrite[], settle: (end: CommitEnd) => void): Promise<void> {
    const places = new Map<StoreWrite, Place>();
    const prepared = writes.map((write) => {
      if (!isInPieces(write)) return prepare(write);
      const place = longValues.newPlace(write.bytes);
      places.set(write, place);
      return { ...prepare({ ...write, bytes: bytesOfPlace(place) }), place };
    });
    let end: CommitEnd;
    try {
      for (const [{ bytes }, place] of places) if (bytes) await longValues.write(place, bytes);
      end = await new Promise<CommitEnd>((resolve) => queue(prepared, resolve));
    } catch (error) {
      for (const { key } of writes.filter(changes)) recent.settled(key);
      end = error as Error;
    }
    settle(end);
    if (end === 'committed') return;
    await longValues.drop(places.values());
  }

  /** Calls `settle` once the commit is on the disk, or has ended otherwise. */
  function begin(writes: readonly StoreWrite[], settle: (end: CommitEnd) => void): void {
    for (const { key } of writes.filter(changes)) recent.begun(key);
    if (!writes.some(isInPieces)) {
      queue(writes.map(prepare), settle);
      return;
    }
    const queueing = queueLong(writes, settle).finally(() => long.delete(queueing));
    long.add(queueing);
  }

  return {
    add: (commits) => {
      const { promise, resolve } = Promise.withResolvers<CommitEnd[]>();
      const ends: CommitEnd[] = [];
      let left = commits.length;
      for (const [k, writes] of commits.entries()) {
        begin(writes, (end) => {
          ends[k] = end;
          if (--left === 0) resolve(ends);
        });
      }
      if (left === 0) resolve(ends);
      return promise;
    },
    probe: () =>
      carryOut(0, (draft) => {
        draft.add(() => rewriteFormat(draft.database.root));
        return 'committed';
      }),
    idle: async () => {
      while (running !== undefined || long.size > 0) {
        await Promise.all(long);
        await running;
      }
    },
  };
}

function changes({ bytes, delete: deletes }: StoreWrite): boolean {
  return bytes !== undefined || deletes === true;
}

function isInPieces(write: StoreWrite): write is StoreWrite & { readonly bytes: Bytes } {
  return write.bytes !== undefined && write.bytes.length > LONG_BYTES;
}

/** This process can no longer be trusted, so it ends. Everything it has acknowledged is on the disk. */
function endAtOnce(error: unknown): never {
  writeSync(process.stderr.fd, `${error}\nThe overflow of a buffer of lmdb-js has damaged this process, which ends.\n`);
  process.abort();
}

function countIn(draft: Draft, tally: UsageTally): void {
  const { usages } = draft.database;
  for (const [tenant, usage] of tally.over((tenant) => usages.get(tenant))) {
    draft.add(() => (usage.keys === 0 ? usages.remove(tenant) : usages.put(tenant, usage)));
  }
}
