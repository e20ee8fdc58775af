import { writeSync } from 'node:fs';
import type { CommitEnd, CommitOutcome, StoreWrite } from '../domain/ports.ts';
import type { LmdbConnection } from './lmdb-connection.ts';
import { type LmdbDatabase, rewriteFormat } from './lmdb-database.ts';
import { probeDisk } from './lmdb-disk.ts';
import { hasOverwrittenMemory, NoRoomError, storeProblem } from './lmdb-errors.ts';
import { reasonOf, TimeLimitError, withinLimit } from './lmdb-outcomes.ts';
import {
  isLong,
  newSealedRecord,
  recordOf,
  sealedLength,
  sealLongRecord,
  sealRecord,
  unsealRecord,
} from './lmdb-record.ts';
import { hasRoomFor } from './lmdb-room.ts';
import type { RecentValues } from './recent-values.ts';
import { createStamps, revisionOf, stampRecord } from './record.ts';
import { UsageTally } from './usage-tally.ts';

/** The most commits that share one sync: enough to make it cheap, but few enough to keep waits short. */
const GROUP_COMMITS = 1_000;
const GROUP_BYTES = 4 * 2 ** 20;
/** A disk that does not answer within this time has failed. */
const LIMIT_MILLISECONDS = 5_000;
const HANGING_MILLISECONDS = 200;

interface PreparedWrite {
  readonly name: string;
  readonly key: Uint8Array;
  readonly expect: string | null | undefined;
  readonly record: Uint8Array | undefined;
  readonly deletes: boolean;
}

interface PreparedCommit {
  readonly writes: readonly PreparedWrite[];
  /** The records have their stamps and checksums already. */
  readonly sealed: boolean;
}

interface WaitingCommit {
  readonly work: (database: LmdbDatabase, tally: UsageTally) => CommitOutcome;
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
 * Each is compared and written on its own in the transaction, in the order of the calls, under LMDB's write lock, which
 * excludes other processes too. Written values update the recent values.
 */
export function createCommitQueue(connection: LmdbConnection, recent: RecentValues): CommitQueue {
  const nextStamp = createStamps();
  const waiting: WaitingCommit[] = [];
  /** Commits that are sealed before they wait. */
  const early = new Set<Promise<void>>();
  let running: Promise<void> | undefined;
  /** Whether the last commit failed on the disk for a reason other than lack of room. */
  let failing = false;
  let hanging = false;
  let probing: Promise<void> | undefined;

  /** One at a time, because on a hanging disk each blocks a thread. */
  function probe(): Promise<void> {
    probing ??= probeDisk(connection.directory).finally(() => {
      probing = undefined;
    });
    return probing;
  }

  function takeGroup(): WaitingCommit[] {
    let bytes = 0;
    let count = 0;
    while (count < waiting.length && count < GROUP_COMMITS && bytes < GROUP_BYTES) {
      bytes += waiting[count].size;
      count += 1;
    }
    return waiting.splice(0, count);
  }

  function apply({ records }: LmdbDatabase, { writes, sealed }: PreparedCommit, tally: UsageTally): CommitOutcome {
    /** Of the sealed records that are there now. */
    const lengths: (number | undefined)[] = [];
    for (const [n, { key, expect }] of writes.entries()) {
      if (expect === undefined) continue;
      const record = records.get(key);
      if ((record === undefined ? null : revisionIn(key, record)) !== expect) return 'conflict';
      lengths[n] = record && sealedLength(record);
    }
    const stamp = sealed ? undefined : nextStamp();
    for (const [n, { name, key, expect, record, deletes }] of writes.entries()) {
      if (record === undefined && !deletes) continue;
      const former = expect === undefined ? records.getBinaryFast(key) : undefined;
      tally.add(name, former ? sealedLength(former) : lengths[n], record && sealedLength(record));
      if (record !== undefined) {
        if (stamp) {
          stampRecord(record, stamp);
          sealRecord(key, record);
        }
        records.put(key, record);
      } else {
        records.remove(key);
      }
    }
    return 'committed';
  }

  /**
   * A child transaction, so an error halfway leaves nothing of the group. The group is taken when LMDB begins the
   * transaction; until then more commits join. If a group fails, nothing of it is written, and each commit is tried again
   * alone, so that a commit that is too large does not fail the others.
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
      const transaction = database.root.childTransaction(() => {
        if (abandoned) return [];
        const bytes = group().reduce((sum, { size }) => sum + size, 0);
        if (!hasRoomFor(bytes, database, connection.directory)) throw new NoRoomError('no room on the disk');
        const tally = new UsageTally();
        const outcomes = group().map(({ work }) => work(database, tally));
        countIn(database, tally);
        return outcomes;
      });
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
    while (waiting.length > 0) await commitGroup(takeGroup);
    running = undefined;
  }

  function enqueue(commit: WaitingCommit): void {
    waiting.push(commit);
    running ??= Promise.resolve().then(run);
  }

  /** Stamps and seals long records before their turn comes, in slices. */
  async function sealEarly(writes: readonly PreparedWrite[]): Promise<void> {
    const stamp = nextStamp().slice();
    for (const { key, record } of writes) {
      if (!record) continue;
      stampRecord(record, stamp);
      await sealLongRecord(key, record);
    }
  }

  /** Calls `settle` once the commit is on the disk, or has ended otherwise. */
  function place(writes: readonly StoreWrite[], settle: (end: CommitEnd) => void): void {
    const prepared = writes.map(prepare);
    const changed = prepared.filter(({ record, deletes }) => record !== undefined || deletes);
    for (const { name } of changed) recent.begun(name);
    const end = (outcome: CommitEnd) => {
      const made = outcome === 'committed';
      for (const { name, record } of changed) recent.settled(name, made && record ? recordOf(record) : undefined);
      settle(outcome);
    };
    const size = changed.reduce((sum, { record }) => sum + (record?.length ?? 0), 0);
    const isEarly = changed.some(({ record }) => record && isLong(record));
    const commit = { writes: prepared, sealed: isEarly };
    const queue = () => enqueue({ size, work: (database, tally) => apply(database, commit, tally), settle: end });
    if (!isEarly) {
      queue();
      return;
    }
    // It is queued in the turn in which it leaves, so `idle` misses none.
    const left = (next: () => void) => {
      early.delete(sealing);
      next();
    };
    const sealing: Promise<void> = sealEarly(changed).then(
      () => left(queue),
      (error) => left(() => end(error)),
    );
    early.add(sealing);
  }

  return {
    add: (commits) => {
      const { promise, resolve } = Promise.withResolvers<CommitEnd[]>();
      const ends: CommitEnd[] = [];
      let left = commits.length;
      for (const [k, writes] of commits.entries()) {
        place(writes, (end) => {
          ends[k] = end;
          if (--left === 0) resolve(ends);
        });
      }
      if (left === 0) resolve(ends);
      return promise;
    },
    probe: () =>
      new Promise((resolve, reject) => {
        const work = ({ root }: LmdbDatabase): CommitOutcome => {
          rewriteFormat(root);
          return 'committed';
        };
        enqueue({ size: 0, work, settle: (end) => (end instanceof Error ? reject(end) : resolve(end)) });
      }),
    idle: async () => {
      while (running !== undefined || early.size > 0) {
        await Promise.all(early);
        await running;
      }
    },
  };
}

/** Runs in the transaction of the writes. */
function countIn({ usages }: LmdbDatabase, tally: UsageTally): void {
  for (const [tenant, usage] of tally.over((tenant) => usages.get(tenant))) {
    if (usage.keys === 0) usages.remove(tenant);
    else usages.put(tenant, usage);
  }
}

/** A long record is compared without its checksum: its reader, who knows the revision, has checked it. */
function revisionIn(key: Uint8Array, record: Uint8Array): string {
  return revisionOf(isLong(record) ? record : unsealRecord(key, record));
}

/** This process can no longer be trusted, so it ends. Everything it has acknowledged is on the disk. */
function endAtOnce(error: unknown): never {
  writeSync(process.stderr.fd, `${error}\nThe overflow of a buffer of lmdb-js has damaged this process, which ends.\n`);
  process.abort();
}

/** Copies buffers that the caller may change after the call. */
function prepare({ key, expect, bytes, delete: deletes }: StoreWrite): PreparedWrite {
  return {
    name: key,
    key: Buffer.from(key),
    expect,
    record: bytes && newSealedRecord(bytes),
    deletes: deletes === true,
  };
}
