import { type Database, open, type RootDatabase } from 'lmdb';
import type { StoredUsage } from '../../domain/usage.ts';
import { otherFormat, StoreOpenError } from '../store-open-error.ts';
import { syncPath } from '../sync-path.ts';
import { UsageTally } from '../usage-tally.ts';
import { valueLength } from './pieces.ts';
import { checkBeforeOpening } from './preflight.ts';

const FORMAT_VERSION = '4';
/** Sessions are JSON records in 2, and long values are in one piece in both. This version reads them, and marks the store with its own. */
const FORMATS_BEFORE = ['2', '3'];
const FORMAT_KEY = 'cellstep-format';

/** Keys and records are raw bytes, so they are ordered by bytes. */
type Records = Database<Uint8Array, Uint8Array>;
type Usages = Database<StoredUsage, string>;

/** `records` holds the store's keys; `root` also holds the format version and the names of the others. */
export interface LmdbDatabase {
  readonly root: RootDatabase<string, string>;
  readonly records: Records;
  /** The usage of each tenant in `records`. */
  readonly usages: Usages;
  /** Parts of long values (pieces.ts), and the places of those whose commit is not made yet, by their ids. */
  readonly pieces: Records;
  readonly unfinished: Records;
}

/** lmdb-js begins to write at once when more instructions than these wait. A batch has at least as many. */
const START_AT = 2;
/**
 * LMDB looks for room in so many entries of its list of free pages. Each commit goes through all of these more than once: with 50,000, as
 * lmdb-js has it, that took up to 27 ms of the processor.
 */
const FREE_ENTRIES = 2_000;

/**
 * Options of lmdb-js, and why:
 * - overlappingSync off: a commit is then written, fdatasynced and made visible in that order, and its promise rejects if
 *   any of them fails. On (lmdb-js' default), readers see commits that are not yet on the disk, promises resolve
 *   before the disk has them, and `flushed` never settles when the sync fails.
 * - eventTurnBatching off: on, a failed commit also rejects a promise of lmdb-js' own that nobody holds, and the
 *   unhandled rejection ends the process. The store makes its own groups (commits.ts).
 * - txnStartThreshold, batchStartThreshold: a batch is written as a whole, and at once (transaction.ts).
 * - maxFreeSpaceToLoad: what a commit takes does not grow with what was deleted before it.
 * - noSubdir off: otherwise a directory with a dot in its name would become a file.
 * - permissionsMode: nobody else may read hidden states.
 */
const OPTIONS = {
  overlappingSync: false,
  eventTurnBatching: false,
  txnStartThreshold: START_AT,
  batchStartThreshold: Number.POSITIVE_INFINITY,
  maxFreeSpaceToLoad: FREE_ENTRIES,
  noSubdir: false,
  permissionsMode: 0o600,
  encoding: 'string',
} as const;

/**
 * Opens the LMDB environment in an existing directory and checks its format version, or writes it if the environment is
 * empty. The given address space is neither memory nor disk; lmdb-js doubles it as the data grow. Throws StoreOpenError when
 * it is not a store of this format; it then changes nothing in it.
 */
export function openDatabase(directory: string, mapBytes: number): LmdbDatabase {
  checkBeforeOpening(directory);
  let root: RootDatabase<string, string> | undefined;
  try {
    root = open<string, string>({ path: directory, mapSize: mapBytes, ...OPTIONS });
    const isNew = claimFormat(directory, root);
    const database = openTrees(root);
    countAnew(database);
    // LMDB syncs its file, not the entry of the new file in its directory.
    if (isNew) syncPath(directory);
    return database;
  } catch (error) {
    root?.close();
    if (error instanceof StoreOpenError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreOpenError(`store directory ${directory} cannot be opened: ${reason}`, error);
  }
}

/** Read-only if the file system is read-only. LMDB then works without its lock file. */
export function openReadOnly(directory: string, mapBytes: number): LmdbDatabase {
  const root = open<string, string>({ path: directory, mapSize: mapBytes, readOnly: true, ...OPTIONS });
  return openTrees(root);
}

function openTrees(root: RootDatabase<string, string>): LmdbDatabase {
  const bytes = (name: string): Records => root.openDB(name, { encoding: 'binary', keyEncoding: 'binary' });
  const usages: Usages = root.openDB('usages', { encoding: 'json' });
  return { root, records: bytes('records'), usages, pieces: bytes('pieces'), unfinished: bytes('unfinished') };
}

/**
 * An older version of cellstep, which does not count, may have written to the store. Then the number of keys differs, and all
 * keys are counted once.
 */
function countAnew({ root, records, usages }: LmdbDatabase): void {
  root.resetReadTxn();
  const { entryCount } = records.getStats() as { entryCount: number };
  let counted = 0;
  for (const { value } of usages.getRange({})) counted += value.keys;
  if (counted === entryCount) return;
  root.transactionSync(() => {
    const tally = new UsageTally();
    for (const { key, value } of records.getRange({})) {
      tally.add(Buffer.from(key).toString(), undefined, valueLength(value));
    }
    usages.clearSync();
    for (const [tenant, usage] of tally.over(() => undefined)) usages.put(tenant, usage);
  });
}

/** Checks that the database can be read; throws LMDB's error if not. */
export function readFormat(root: RootDatabase<string, string>): string | undefined {
  return root.get(FORMAT_KEY);
}

/** Writes the existing value again: a page goes to the disk, and nothing changes. */
export function rewriteFormat(root: RootDatabase<string, string>): void {
  root.put(FORMAT_KEY, FORMAT_VERSION);
}

/** Whether this version can read a store of this format. */
export function isRead(format: string | undefined): boolean {
  return format === FORMAT_VERSION || FORMATS_BEFORE.includes(format ?? '');
}

function claimFormat(directory: string, root: RootDatabase<string, string>): boolean {
  const format = readFormat(root);
  if (format === FORMAT_VERSION) return false;
  if (format !== undefined && !isRead(format)) {
    throw otherFormat(`store directory ${directory}`, format, FORMAT_VERSION);
  }
  if (format === undefined && root.getKeysCount() > 0) {
    throw new StoreOpenError(`store directory ${directory} holds an LMDB database that is not a store of cellstep`);
  }
  root.putSync(FORMAT_KEY, FORMAT_VERSION);
  return format === undefined;
}
