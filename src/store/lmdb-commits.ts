import { writeSync } from 'node:fs';
import type { Bytes } from '../domain/bytes.ts';
import type { CommitEnd, CommitOutcome, StoreWrite } from '../domain/ports.ts';
import type { LmdbConnection } from './lmdb-connection.ts';
import { type LmdbDatabase, rewriteFormat } from './lmdb-database.ts';
import { probeDisk } from './lmdb-disk.ts';
import { hasOverwrittenMemory, NoRoomError, storeProblem } from './lmdb-errors.ts';
import { LongValues, removePieces } from './lmdb-long-values.ts';
import { reasonOf, TimeLimitError, withinLimit } from './lmdb-outcomes.ts';
import { bytesOfPlace, markPlace, PIECE_BYTES, type Place, placeIn, revisionIn, valueLength } from './lmdb-pieces.ts';
import { isLong, newSealedRecord, recordOf, sealRecord, unsealRecord } from './lmdb-record.ts';
import { hasRoomFor } from './lmdb-room.ts';
import type { RecentValues } from './recent-values.ts';
import { createStamps, stampRecord } from './record.ts';
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
  /** Of a long value, which the record names. */
  readonly place: Place | undefined;
  readonly deletes: boolean;
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
  const longValues = new LongValues(connection.directory, carryOut);
  /** Commits of long values, which do much before and after they are in the queue. */
  const long = new Set<Promise<void>>();
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

  function apply(database: LmdbDatabase, writes: readonly PreparedWrite[], tally: UsageTally): CommitOutcome {
    const { records, unfinished } = database;
    /** What is there now; undefined where nothing is known about it. */
    const formers: (Former | undefined)[] = [];
    for (const [n, { key, expect }] of writes.entries()) {
      if (expect === undefined) continue;
      const record = records.getBinaryFast(key);
      if ((record === undefined ? null : checkedRevision(key, record)) !== expect) return 'conflict';
      formers[n] = formerOf(record);
    }
    const stamp = nextStamp();
    for (const [n, { name, key, expect, record, place, deletes }] of writes.entries()) {
      if (record === undefined && !deletes) continue;
      const former = expect === undefined ? formerOf(records.getBinaryFast(key)) : formers[n];
      tally.add(name, former?.length, place?.length ?? (record && valueLength(record)));
      if (former?.place) removePieces(database, former.place);
      if (record !== undefined) {
        stampRecord(record, stamp);
        if (place) {
          markPlace(record);
          unfinished.remove(place.id);
        }
        sealRecord(key, record);
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
      work: (database, tally) => apply(database, prepared, tally),
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
      carryOut(0, ({ root }) => {
        rewriteFormat(root);
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

/** Runs in the transaction of the writes. */
function countIn({ usages }: LmdbDatabase, tally: UsageTally): void {
  for (const [tenant, usage] of tally.over((tenant) => usages.get(tenant))) {
    if (usage.keys === 0) usages.remove(tenant);
    else usages.put(tenant, usage);
  }
}

interface Former {
  readonly length: number;
  readonly place: Place | undefined;
}

function formerOf(record: Uint8Array | undefined): Former | undefined {
  return record && { length: valueLength(record), place: placeIn(record) };
}

/** A long record is compared without its checksum: its reader, who knows the revision, has checked it. */
function checkedRevision(key: Uint8Array, record: Uint8Array): string {
  return revisionIn(isLong(record) ? record : unsealRecord(key, record));
}

function changes({ bytes, delete: deletes }: StoreWrite): boolean {
  return bytes !== undefined || deletes === true;
}

function isInPieces(write: StoreWrite): write is StoreWrite & { readonly bytes: Bytes } {
  return write.bytes !== undefined && write.bytes.length > PIECE_BYTES;
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
    record: bytes && newSealedRecord(bytes.subarray()),
    place: undefined,
    deletes: deletes === true,
  };
}
