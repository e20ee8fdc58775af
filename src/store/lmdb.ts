import { accessSync, constants } from 'node:fs';
import type { CommitEnd, CountedStore, StoredEntry, StoredValue } from '../domain/ports.ts';
import { Problem } from '../domain/problems.ts';
import { checkCommit, isKey, MAX_WHOLE_KEY_LENGTH } from '../domain/store-keys.ts';
import { NO_USAGE } from '../domain/usage.ts';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import { markClosed, unmarkClosed, wasClosed } from './lmdb-closed.ts';
import { createCommitQueue } from './lmdb-commits.ts';
import { connect } from './lmdb-connection.ts';
import { type LmdbDatabase, readFormat } from './lmdb-database.ts';
import { NoRoomError, storeProblem } from './lmdb-errors.ts';
import { checkBeforeOpening, isReadOnly } from './lmdb-preflight.ts';
import { isLong, unsealLongRecord, unsealRecord } from './lmdb-record.ts';
import { freeBytes, hasRoom } from './lmdb-room.ts';
import { verifyDatabase } from './lmdb-verify.ts';
import { makeDirectory } from './make-directory.ts';
import { RecentValues } from './recent-values.ts';
import { bytesOf, revisionOf, STAMP_BYTES } from './record.ts';
import { StoreOpenError } from './store-open-error.ts';

interface LmdbStoreOptions {
  /** Made, for this user only, when it is missing. */
  readonly directory: string;
  /** Several processes may open the directory if each of them sets this. */
  readonly shared?: boolean;
  /** The first size of the address space, 1 GiB by default. It doubles as the data grow. */
  readonly mapBytes?: number;
}

/** A record whose checksum is still to be compared. */
interface LongEntry {
  readonly key: Uint8Array;
  readonly sealed: Uint8Array;
}

function entryOf(key: Uint8Array, record: Uint8Array): StoredEntry {
  return { ...namesOf(key, record), bytes: bytesOf(record) };
}

function namesOf(key: Uint8Array, record: Uint8Array): Pick<StoredEntry, 'key' | 'revision'> {
  return { key: Buffer.from(key).toString(), revision: revisionOf(record) };
}

/**
 * A durable store in one directory. A commit that resolved is on the disk; simultaneous commits share a sync. Throws
 * StoreOpenError when the directory cannot be used, is in use, or holds something else. `commit` rejects with the Problem
 * `store-full` when there is no room and `store-unavailable` when the disk fails. The store recovers as soon as the disk
 * does.
 */
export async function openLmdbStore({
  directory,
  shared = false,
  mapBytes = 2 ** 30,
}: LmdbStoreOptions): Promise<CountedStore> {
  prepareDirectory(directory);
  // Other processes that have it open have checked it.
  const doubtful = shared && (whileAlone(directory, () => !wasClosed(directory)) ?? false);
  const lock = lockDirectory(directory, shared);
  let connection: ReturnType<typeof connect>;
  try {
    checkBeforeOpening(directory);
    if (shared ? doubtful : !wasClosed(directory)) verifyDatabase(directory);
    unmarkClosed(directory);
    connection = connect(directory, mapBytes);
  } catch (error) {
    lock.release();
    throw error;
  }
  const recent = new RecentValues(!shared);
  const commits = createCommitQueue(connection, recent);
  let closing: Promise<void> | undefined;
  let failure: Problem | undefined;
  let hasFailed = false;

  function requireOpen(): void {
    if (closing !== undefined) throw new Error('store is closed');
  }

  /** After a failed write or sync the content of the disk is unknown, so the next opening reads everything. */
  function leaveMark(): void {
    if (!hasFailed && !isReadOnly(directory)) markClosed(directory);
  }

  async function closeInOrder(): Promise<void> {
    try {
      await commits.idle();
      await connection.close();
      if (!shared) leaveMark();
    } finally {
      lock.release();
    }
    // Only the last process that shares the directory does this.
    if (shared) whileAlone(directory, leaveMark);
  }

  function read<T>(work: (database: LmdbDatabase) => T): T {
    requireOpen();
    try {
      const database = connection.current();
      // lmdb-js keeps reading one snapshot for some milliseconds, without commits that others made since.
      if (shared) database.root.resetReadTxn();
      return work(database);
    } catch (error) {
      throw storeProblem(error, directory);
    }
  }

  async function unsealed({ key, sealed }: LongEntry): Promise<StoredEntry> {
    const record = await unsealLongRecord(key, sealed).catch((error) => {
      throw storeProblem(error, directory);
    });
    return { ...namesOf(key, record), bytes: record.subarray(STAMP_BYTES) };
  }

  function find(key: string): StoredValue | Promise<StoredValue> | undefined {
    const known = recent.get(key);
    if (known) return known;
    if (!isKey(key)) return undefined;
    const name = Buffer.from(key);
    const sealed = read(({ records }) => records.get(name));
    if (!sealed) return undefined;
    // A long one is not kept, so nobody else has it.
    return isLong(sealed) ? unsealed({ key: name, sealed }) : read(() => recent.keep(key, unsealRecord(name, sealed)));
  }

  /** Remembers whether the disk works. */
  function noteEnd(end: CommitEnd): void {
    if (!(end instanceof Error)) failure = undefined;
    else if (end instanceof Problem) {
      failure = end;
      hasFailed ||= !(end.cause instanceof NoRoomError);
    }
  }

  return {
    async get(key) {
      requireOpen();
      return find(key);
    },

    async getAll(keys) {
      requireOpen();
      const found: (StoredValue | undefined)[] = [];
      for (const key of keys) {
        const value = find(key);
        found.push(value instanceof Promise ? await value : value);
      }
      return found;
    },

    async commit(writes) {
      requireOpen();
      checkCommit(writes);
      const [end] = await commits.add([writes]);
      noteEnd(end);
      if (end instanceof Error) throw end;
      return end;
    },

    async commitAll(all) {
      requireOpen();
      for (const writes of all) checkCommit(writes);
      const ends = await commits.add(all);
      for (const end of ends) noteEnd(end);
      return ends;
    },

    async list(prefix, after, limit, maxBytes = Number.POSITIVE_INFINITY) {
      const found = read(({ records }) => {
        const entries: (StoredEntry | LongEntry)[] = [];
        let bytes = 0;
        if (limit < 1) return entries;
        for (const { key, value } of records.getRange({ ...rangeOf(prefix, after), limit })) {
          entries.push(isLong(value) ? { key, sealed: new Uint8Array(value) } : entryOf(key, unsealRecord(key, value)));
          bytes += value.length;
          if (bytes >= maxBytes) break;
        }
        return entries;
      });
      const entries: StoredEntry[] = [];
      for (const entry of found) entries.push('sealed' in entry ? await unsealed(entry) : entry);
      return entries;
    },

    /** After a disk failure only a write shows whether the disk works. A small one may find room that others do not. */
    async check() {
      read(({ root }) => {
        readFormat(root);
        // Otherwise a process that was killed while reading would keep LMDB from reusing pages.
        root.readerCheck();
      });
      if (failure === undefined) return;
      if (failure.code === 'store-full' && !hasRoom(directory)) throw failure;
      await commits.probe();
      failure = undefined;
    },

    async usageOf(tenant) {
      return read(({ usages }) => usages.get(tenant) ?? NO_USAGE);
    },

    async usages() {
      return read(({ usages }) => new Map([...usages.getRange({})].map(({ key, value }) => [key, value])));
    },

    async freeBytes() {
      const free = freeBytes(directory);
      return Number.isFinite(free) ? free : undefined;
    },

    async close() {
      closing ??= closeInOrder();
      return closing;
    },
  };
}

/** Keys are ASCII and of limited length, so what is cut off the end of a bound cannot change which keys lie past it. */
function rangeOf(prefix: string, after: string | undefined): { start: Uint8Array; end: Uint8Array } {
  const first = Buffer.from(prefix).subarray(0, MAX_WHOLE_KEY_LENGTH + 1);
  const end = Buffer.concat([first, Buffer.of(0xff)]);
  if (after === undefined) return { start: first.length === 0 ? Buffer.of(0) : first, end };
  const next = Buffer.concat([Buffer.from(after).subarray(0, MAX_WHOLE_KEY_LENGTH + 1), Buffer.of(0)]);
  return { start: Buffer.compare(next, first) > 0 ? next : first, end };
}

/** Runs `work` while no other process has the directory, and returns its result; undefined if another process has it. */
function whileAlone<T>(directory: string, work: () => T): T | undefined {
  let lock: DirectoryLock;
  try {
    lock = lockDirectory(directory, false, 0);
  } catch {
    return undefined;
  }
  try {
    return work();
  } finally {
    lock.release();
  }
}

function prepareDirectory(directory: string): void {
  try {
    makeDirectory(directory);
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreOpenError(`store directory ${directory} cannot be made or written: ${reason}`, error);
  }
}
