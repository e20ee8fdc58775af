import { accessSync, constants, existsSync } from 'node:fs';
import type { CommitEnd, CountedStore, Hold, StoredEntry, StoredValue } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { checkCommit, isKey, MAX_WHOLE_KEY_LENGTH } from '../../domain/store-keys.ts';
import { NO_USAGE } from '../../domain/usage.ts';
import { nextTurn } from '../../threads/in-turns.ts';
import { Queue } from '../../threads/queue.ts';
import { type DirectoryLock, lockDirectory } from '../directory-lock.ts';
import { makeDirectory } from '../make-directory.ts';
import { RecentValues } from '../recent-values.ts';
import { bytesOf, STAMP_BYTES } from '../record.ts';
import { StoreOpenError } from '../store-open-error.ts';
import { markClosed, unmarkClosed, wasClosed } from './closed.ts';
import { createCommitQueue } from './commits.ts';
import { connect } from './connection.ts';
import { type LmdbDatabase, openDatabase, readFormat } from './database.ts';
import { NoRoomError, storeProblem } from './errors.ts';
import { dataFile } from './file.ts';
import { removeUnfinished } from './long-values.ts';
import { countOfPieces, hasPlace, type Place, readPiece, readPlace, revisionIn, valueLength } from './pieces.ts';
import { checkBeforeOpening, isReadOnly } from './preflight.ts';
import { isLong, unsealLongRecord, unsealRecord } from './record.ts';
import { freeBytes, hasRoom } from './room.ts';
import { verifyDatabase } from './verify.ts';

interface LmdbStoreOptions {
  /** Made, for this user only, when it is missing. */
  readonly directory: string;
  /** Several processes may open the directory if each of them sets this. */
  readonly shared?: boolean;
  /** The first size of the address space, 1 GiB by default. It doubles as the data grow. */
  readonly mapBytes?: number;
}

/** A record that names the pieces of its value, or of which the checksum is still to be compared. */
interface LongEntry {
  readonly key: Uint8Array;
  readonly sealed: Uint8Array;
}

/** A list of more entries is read in a turn of its own: some milliseconds. */
const MANY_ENTRIES = 100;
/** How often to look again for a value that was replaced while its pieces were read. */
const MOST_TRIES = 100;

function entryOf(key: Uint8Array, record: Uint8Array): StoredEntry {
  return { ...namesOf(key, record), bytes: bytesOf(record) };
}

function namesOf(key: Uint8Array, record: Uint8Array): Pick<StoredEntry, 'key' | 'revision'> {
  return { key: Buffer.from(key).toString(), revision: revisionIn(record) };
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
  const doubtful = shared && ((await whileAlone(directory, () => clearOrDoubt(directory, mapBytes))) ?? false);
  const lock = lockDirectory(directory, shared);
  let connection: ReturnType<typeof connect>;
  try {
    checkBeforeOpening(directory);
    if (shared ? doubtful : !wasClosed(directory)) verifyDatabase(directory);
    unmarkClosed(directory);
    connection = connect(directory, mapBytes);
    if (!shared) removeUnfinished(connection.current());
  } catch (error) {
    lock.release();
    throw error;
  }
  const recent = new RecentValues(!shared);
  /** Of a long value one copy at a time is being read, however many want it: each needs memory until it is whole. */
  const reads = new Queue();
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
    if (shared) await whileAlone(directory, leaveMark);
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

  /** The value of a place, once `hold` has let it in, in turns with all others that are read and written; undefined if it was replaced meanwhile. */
  async function assembled(place: Place, hold?: Hold): Promise<Uint8Array | undefined> {
    hold?.(place.length);
    const value = new Uint8Array(Buffer.allocUnsafeSlow(place.length).buffer);
    let isWhole = false;
    try {
      for (let index = 0; index < countOfPieces(place); index++) {
        await nextTurn();
        hold?.(0);
        const isThere = read(({ pieces }) => {
          const piece = readPiece((key) => pieces.getBinaryFast(key), place, index);
          if (piece) value.set(piece, index * place.each);
          return piece !== undefined;
        });
        if (!isThere) return undefined;
      }
      isWhole = true;
      return value;
    } finally {
      // Clients that hang up would otherwise leave it to the garbage collection, and have the heap collected again and again.
      if (!isWhole) value.buffer.transfer(0);
    }
  }

  /** The value of a long record; undefined if it was replaced meanwhile. */
  async function whole({ key, sealed }: LongEntry, hold?: Hold): Promise<StoredEntry | undefined> {
    if (hasPlace(sealed)) {
      const record = read(() => unsealRecord(key, sealed));
      const place = readPlace(record.subarray(STAMP_BYTES));
      const bytes = await reads.run(`${place.id}`, () => assembled(place, hold));
      return bytes && { ...namesOf(key, record), bytes };
    }
    hold?.(sealed.length);
    const record = await unsealLongRecord(key, sealed).catch((error) => {
      throw storeProblem(error, directory);
    });
    return { ...namesOf(key, record), bytes: record.subarray(STAMP_BYTES) };
  }

  async function get(key: string, hold?: Hold): Promise<StoredValue | undefined> {
    requireOpen();
    const known = recent.get(key);
    if (known) return known;
    if (!isKey(key)) return undefined;
    const name = Buffer.from(key);
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const sealed = read(({ records }) => records.get(name));
      if (!sealed) return undefined;
      if (!isLong(sealed) && !hasPlace(sealed)) return read(() => recent.keep(key, unsealRecord(name, sealed)));
      // It is not kept, so nobody else has it.
      const found = await whole({ key: name, sealed }, tries === 0 ? hold : undefined);
      if (found) return found;
    }
    throw storeProblem(new Error(`the pieces of ${key} are gone`), directory);
  }

  /** A long entry of a list. If it was replaced meanwhile, it has another value now, or none. */
  async function wholeOrNew(entry: LongEntry): Promise<StoredEntry[]> {
    const same = await whole(entry);
    if (same) return [same];
    const name = Buffer.from(entry.key).toString();
    const found = await get(name);
    return found ? [{ key: name, revision: found.revision, bytes: found.bytes }] : [];
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
    get,

    async getAll(keys, hold) {
      requireOpen();
      const found: (StoredValue | undefined)[] = [];
      for (const key of keys) found.push(recent.get(key) ?? (await get(key, hold)));
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
      if (limit > MANY_ENTRIES) await nextTurn();
      const found = read(({ records }) => {
        const entries: (StoredEntry | LongEntry)[] = [];
        let bytes = 0;
        if (limit < 1) return entries;
        for (const { key, value } of records.getRange({ ...rangeOf(prefix, after), limit })) {
          const isShort = !isLong(value) && !hasPlace(value);
          entries.push(isShort ? entryOf(key, unsealRecord(key, value)) : { key, sealed: new Uint8Array(value) });
          bytes += valueLength(value);
          if (bytes >= maxBytes) break;
        }
        return entries;
      });
      const entries: StoredEntry[] = [];
      for (const entry of found) {
        if ('sealed' in entry) entries.push(...(await wholeOrNew(entry)));
        else entries.push(entry);
      }
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
async function whileAlone<T>(directory: string, work: () => T | Promise<T>): Promise<T | undefined> {
  let lock: DirectoryLock;
  try {
    lock = lockDirectory(directory, false, 0);
  } catch {
    return undefined;
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** Whether a store must be checked before it is opened. If not, it is cleared of what a process that died has left in it. */
async function clearOrDoubt(directory: string, mapBytes: number): Promise<boolean> {
  if (!wasClosed(directory)) return true;
  if (!existsSync(dataFile(directory)) || isReadOnly(directory)) return false;
  unmarkClosed(directory);
  const database = openDatabase(directory, mapBytes);
  try {
    removeUnfinished(database);
  } finally {
    await database.root.close();
  }
  markClosed(directory);
  return false;
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
