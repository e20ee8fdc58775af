import { type LmdbDatabase, openDatabase, openReadOnly, readFormat } from './database.ts';
import { isReadOnly } from './preflight.ts';

export interface LmdbConnection {
  readonly directory: string;
  /** The open database; throws when it is down. */
  current(): LmdbDatabase;
  /** Makes the database usable again after a failed commit. False if it was reopened, or could not be. */
  recover(): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * A database that is reopened when LMDB has given it up. After a failed write of its root page LMDB refuses every further
 * transaction (MDB_PANIC), and lmdb-js would never settle the promise of the next commit. A read detects this state safely.
 * If the file system has become read-only, the database is opened for reading, and again when it can be written, because only
 * then does LMDB tell other processes which pages are being read.
 */
export function connect(directory: string, mapBytes: number): LmdbConnection {
  let database: LmdbDatabase | undefined = openDatabase(directory, mapBytes);
  let forReading = false;
  let closing: Promise<void> | undefined;

  function current(): LmdbDatabase {
    if (database !== undefined && forReading && !isReadOnly(directory)) void discard();
    if (closing !== undefined) throw new Error('the database is being reopened');
    database ??= reopen();
    return database;
  }

  function reopen(): LmdbDatabase {
    forReading = isReadOnly(directory);
    return forReading ? openReadOnly(directory, mapBytes) : openDatabase(directory, mapBytes);
  }

  function discard(): Promise<void> {
    closing ??= closeQuietly(database).finally(() => {
      closing = undefined;
    });
    database = undefined;
    return closing;
  }

  return {
    directory,
    current,
    async recover() {
      try {
        const { root } = current();
        root.resetReadTxn();
        readFormat(root);
        return true;
      } catch {
        await discard();
        return false;
      }
    },
    close: discard,
  };
}

/** Ignore errors while closing a broken database: the first failure was reported already. */
async function closeQuietly(database: LmdbDatabase | undefined): Promise<void> {
  try {
    await database?.root.close();
  } catch {}
}
